"""Reading a page in tests."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Elements and text of a page; fails where elements aren't closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.identifiers: list[str | None] = []
        self.by_identifier: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.identifiers.append(dict(attrs).get("id"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.identifiers.pop()

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)
            for identifier in filter(None, self.identifiers):
                self.by_identifier[identifier] = self.by_identifier.get(identifier, "") + data

    def content_of(self, identifier: str) -> str:
        """All text within the element of that id."""
        return self.by_identifier[identifier]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]
