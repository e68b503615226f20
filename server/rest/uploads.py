"""``POST /upload``: a flight, and perhaps a configuration, out of a form."""

from __future__ import annotations

import tempfile
from pathlib import Path

from flask import request
from werkzeug.datastructures import FileStorage

from gasflux_core.configuration import read_configuration
from gasflux_core.errors import InputError, MissingInput, TooLarge
from gasflux_core.io.content import kind_of, open_archive
from gasflux_core.io.workbook import check_unpacked_size
from server.errors import UnreadableRequest
from server.jobs.request import InputItem, JobRequest, Upload
from server.languages import preferred_language
from server.rest.answers import FileNotTaken
from server.rest.file_names import extension, shown_name
from server.validate import MAX_LITERAL_BYTES

PROCESS = "gas_flux"
FACE = "rest"

EXTENSIONS = (".csv", ".xlsx", ".xls")
"""Of the names of files that are taken; another face takes more."""

_KINDS = ("csv", "xlsx", "xls")
_HEAD = 65536
_PARTS = ("file", "config")
_EXAMPLE = "curl -F file=@flight.csv"


def read_upload() -> tuple[JobRequest, list[Upload], str]:
    """The flight of the request at hand as a job to be.

    :returns: with the file's name as it may be shown.
    :raises UnreadableRequest: the body is no form, or a broken one.
    :raises InputError: a part is missing, empty, unknown or came twice; the configuration can't be read.
    :raises FileNotTaken: the file is of a kind that isn't taken, by its name or by its content.
    """
    if request.mimetype != "multipart/form-data":
        raise UnreadableRequest(
            f"The request came as {request.mimetype[:60] or 'nothing'}; send a form (multipart/form-data) with the "
            f"flight as file, such as: {_EXAMPLE}"
        )
    # The first look reads the body, and says so where it is too large.
    if not request.files and not request.form:
        raise UnreadableRequest(f"The form is empty or broken; send the flight as its part file, such as: {_EXAMPLE}")
    _check_parts()
    sent = _one_file()
    name = shown_name(sent.filename or "")
    _check_name(name)
    content = sent.read()
    _check_content(content, name)
    inputs = {"flight": [InputItem(upload="input-1", file_name=name)]}
    configuration = _configuration()
    if configuration.strip():
        read_configuration(configuration, parameter="config")
        inputs["configuration"] = [InputItem(text=configuration)]
    language = preferred_language(request.headers.get("Accept-Language"))
    asked = JobRequest(process=PROCESS, inputs=inputs, mode="async", language=language, face=FACE)
    return asked, [Upload("input-1", content)], name


def _check_parts() -> None:
    # A part without any name has None.
    unknown = sorted({str(name or "") for name in (*request.files, *request.form)} - set(_PARTS))
    if unknown:
        names = ", ".join(repr(name[:60]) for name in unknown[:10])
        raise InputError(f"The form has parts that aren't known: {names}. It takes file, and config if need be.")
    for name in _PARTS:
        count = len(request.files.getlist(name)) + len(request.form.getlist(name))
        if count > 1:
            raise InputError(f"{name} came {count} times; send one of them in a request.", name)


def _one_file() -> FileStorage:
    sent = request.files.get("file")
    if sent is None and "file" in request.form:
        raise InputError(f"file came as a text without a file's name; send it as a file, such as: {_EXAMPLE}", "file")
    if sent is None:
        raise MissingInput(f"file is missing: the flight, as CSV, XLSX or XLS. Such as: {_EXAMPLE}", "file")
    return sent


def _check_name(name: str) -> None:
    if not name:
        raise InputError("file has no name; its name must end in .csv, .xlsx or .xls.", "file")
    if extension(name) not in EXTENSIONS:
        raise FileNotTaken(
            f"file: {name} is not taken; its name must end in .csv, .xlsx or .xls. Other formats are taken by WPS "
            "and OGC API – Processes.",
            "file",
        )


def _check_content(content: bytes, name: str) -> None:
    """What the first bytes tell; all else is told by the job."""
    if not content.strip():
        raise InputError(f"file: {name} is empty; send a table with a header and rows.", "file")
    zipped = content.startswith(b"PK")
    with tempfile.NamedTemporaryFile() as file:
        file.write(content if zipped else content[:_HEAD])
        file.flush()
        path = Path(file.name)
        try:
            kind = kind_of(path, "file")
        except InputError as error:
            raise FileNotTaken(error.message, "file") from None
        if zipped:
            with open_archive(path, "file") as archive:
                check_unpacked_size([info.file_size for info in archive.infolist()], "file")
    if kind not in _KINDS:
        raise FileNotTaken(
            f"file: {name} holds {kind.upper()}, whatever its name says; expected CSV, XLSX or XLS.", "file"
        )


def _configuration() -> str:
    sent = request.files.get("config")
    if sent is None:
        return str(request.form.get("config", ""))
    content = sent.read(MAX_LITERAL_BYTES + 1)
    if len(content) > MAX_LITERAL_BYTES:
        raise TooLarge(f"config has more than the {MAX_LITERAL_BYTES} bytes that a configuration may have.", "config")
    try:
        return str(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(
            f"config is no text in UTF-8 (byte {error.start}); send the settings as YAML.", "config"
        ) from None
