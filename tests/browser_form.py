"""What a browser would send of a form, as the HTML standard says: a reader of the markup, so that render → send → read can be a law."""

import re
from html.parser import HTMLParser

ONE_LINE = ("text", "email", "tel", "url", "search", "password")


class _Form(HTMLParser):
    """Collects (name, value) pairs of successful controls in the order of the document."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sent: list[tuple[str, str]] = []
        self.area: list[str] | None = None
        self.area_name = ""
        self.select = ""
        self.options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input":
            self.sent.extend(_sent_by_input(given))
        elif tag == "textarea":
            self.area, self.area_name = [], given["name"]
        elif tag == "select":
            self.select, self.options = given["name"], []
        elif tag == "option":
            self.options.append((given["value"], "selected" in given))

    def handle_data(self, data: str) -> None:
        if self.area is not None:
            self.area.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.area is not None:
            text = re.sub(r"\r\n|\r", "\n", "".join(self.area))
            self.sent.append((self.area_name, _with_crlf(text.removeprefix("\n"))))
            self.area = None
        elif tag == "select" and self.options:
            chosen = [value for value, is_selected in self.options if is_selected] or [self.options[0][0]]
            self.sent.append((self.select, _with_crlf(chosen[-1])))


def _sent_by_input(given: dict[str, str]) -> list[tuple[str, str]]:
    kind, name, value = given.get("type", "text"), given.get("name"), given.get("value", "")
    if not name or kind in ("file", "submit", "button", "image", "reset"):
        return []
    if kind in ("radio", "checkbox"):
        return [(name, _with_crlf(given.get("value", "on")))] if "checked" in given else []
    if kind in ONE_LINE:
        value = re.sub(r"[\r\n]", "", value)
    if kind in ("email", "url"):
        value = value.strip("\t\n\f\r ")
    return [(name, _with_crlf(value))]


def _with_crlf(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\r\n", text)


def sent_form(markup: str) -> dict[str, list[str]]:
    """Name → the texts sent under it."""
    form = _Form()
    # The parser of a browser reads each line break of the markup as LF before anything else.
    form.feed(re.sub(r"\r\n|\r", "\n", markup))
    form.close()
    found: dict[str, list[str]] = {}
    for name, value in form.sent:
        found.setdefault(name, []).append(value)
    return found
