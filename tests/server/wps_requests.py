"""Execute requests in XML, put together out of their parts."""

from __future__ import annotations


def execute_xml(inputs: str, form: str = "", identifier: str = "everything") -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<wps:Execute xmlns:wps="http://www.opengis.net/wps/1.0.0" xmlns:ows="http://www.opengis.net/ows/1.1"
  xmlns:xlink="http://www.w3.org/1999/xlink" service="WPS" version="1.0.0">
  <ows:Identifier>{identifier}</ows:Identifier>
  <wps:DataInputs>{inputs}</wps:DataInputs>{form}
</wps:Execute>""".encode()


def one_input(identifier: str, data: str) -> str:
    return f"<wps:Input><ows:Identifier>{identifier}</ows:Identifier>{data}</wps:Input>"


def literal(identifier: str, text: str, attributes: str = "") -> str:
    return one_input(identifier, f"<wps:Data><wps:LiteralData {attributes}>{text}</wps:LiteralData></wps:Data>")


def inline(text: str, attributes: str = 'mimeType="text/csv"') -> str:
    return one_input("flight", f"<wps:Data><wps:ComplexData {attributes}>{text}</wps:ComplexData></wps:Data>")


def document(outputs: str = "", **attributes: str) -> str:
    settings = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return f"<wps:ResponseForm><wps:ResponseDocument {settings}>{outputs}</wps:ResponseDocument></wps:ResponseForm>"


def output(identifier: str, attributes: str = "") -> str:
    return f"<wps:Output {attributes}><ows:Identifier>{identifier}</ows:Identifier></wps:Output>"


def raw(identifier: str, attributes: str = "") -> str:
    return (
        f"<wps:ResponseForm><wps:RawDataOutput {attributes}><ows:Identifier>{identifier}</ows:Identifier>"
        "</wps:RawDataOutput></wps:ResponseForm>"
    )
