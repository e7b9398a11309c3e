"""How tests look at a page: by role and label, as a person with a screen reader does; and how they send its forms."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from bs4 import BeautifulSoup, Tag

PASSWORD = "correct horse battery"
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass
class Page:
    """An answer as a tree."""

    answer: httpx.Response

    def __post_init__(self) -> None:
        self.tree = BeautifulSoup(self.answer.text, "html.parser")
        # What a template holds is no part of a page until a script puts it there; not every release of the parser knows that. Parts
        # that are sent to a script consist of templates.
        for each in self.tree.find_all("template") if self.is_whole else ():
            each.decompose()

    @property
    def is_whole(self) -> bool:
        """Whether this is a page, and no part of one."""
        return self.tree.find("html") is not None

    def text(self, selector: str) -> str:
        """The text of the one element."""
        return " ".join(self.one(selector).get_text(" ", strip=True).split())

    def one(self, selector: str) -> Tag:
        found = self.tree.select(selector)
        assert len(found) == 1, f"{len(found)} of {selector} in {self.answer.text[:2000]}"
        return found[0]

    def labelled(self, label: str) -> Tag:
        """The input with this label."""
        named = [each for each in self.tree.find_all("label") if each.get_text(" ", strip=True) == label]
        assert len(named) == 1, f"{len(named)} labels {label!r}"
        return self.one(f"#{named[0]['for']}")

    def link(self, text: str) -> str:
        """Where the link with this text leads."""
        return str(self._called("a", text)["href"])

    def form_of(self, button: str) -> tuple[str, dict[str, str]]:
        """The form of the button with this text: where it goes, and what it sends as it stands, the button included."""
        pressed = self._called("button", button)
        form = self.one(f"#{pressed['form']}") if pressed.get("form") else pressed.find_parent("form")
        assert isinstance(form, Tag)
        fields = {str(each["name"]): str(each.get("value", "")) for each in form.select("input[name]") if _is_sent(each)}
        if form.get("id"):
            outside = self.tree.select(f"input[name][form={form['id']}]")
            fields |= {str(each["name"]): str(each.get("value", "")) for each in outside if _is_sent(each)}
        fields |= {str(each["name"]): each.get_text().removeprefix("\n") for each in form.select("textarea[name]:not([disabled])")}
        if pressed.get("name"):
            fields[str(pressed["name"])] = str(pressed.get("value", ""))
        return str(form["action"]), fields

    def whole_form_of(self, button: str) -> tuple[str, dict[str, str]]:
        """The same with what every choice of the form stands at."""
        action, fields = self.form_of(button)
        form = next(
            each for each in self.tree.find_all("form") if each["action"] == action and self._called("button", button) in _buttons(each)
        )
        for each in form.select("select[name]"):
            chosen = each.select_one("option[selected]") or each.select_one("option")
            fields[str(each["name"])] = str(chosen["value"]) if chosen else ""
        return action, fields

    def _called(self, kind: str, text: str) -> Tag:
        found = [each for each in self.tree.find_all(kind) if " ".join(each.get_text(" ", strip=True).split()) == text]
        assert len(found) == 1, f"{len(found)} of {kind} {text!r}"
        return found[0]


def _buttons(form: Tag) -> list[Tag]:
    page = form.find_parent() and form.find_parents()[-1]
    assert isinstance(page, Tag)
    outside = page.select(f"button[form={form['id']}]") if form.get("id") else []
    return [*form.find_all("button"), *outside]


def _is_sent(field: Tag) -> bool:
    """As a browser does it: nothing of what is disabled, and of boxes those that are ticked."""
    disabled = field.has_attr("disabled") or field.find_parent("fieldset", attrs={"disabled": True}) is not None
    return not disabled and (field.get("type") not in ("radio", "checkbox") or field.has_attr("checked"))


@dataclass
class Browser:
    """A browser without a script: keeps cookies, sends forms with what they hold, follows a redirect when told to."""

    client: httpx.AsyncClient

    async def open(self, path: str, *, htmx: bool = False) -> Page:
        """The page at a path after all redirects, or with `htmx` the part that its script would get."""
        return Page(await self.client.get(path, headers=HTMX if htmx else {}, follow_redirects=True))

    async def press(
        self, page: Page, button: str, fields: Mapping[str, str] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """What a form answers when its button is pressed with these fields filled in by name."""
        action, held = page.form_of(button)
        return await self.client.post(action, data={**held, **(fields or {})}, headers=dict(headers or {}))

    async def press_whole(self, page: Page, button: str, fields: Mapping[str, str] | None = None) -> httpx.Response:
        """As `press`, with every choice of the form as it stands."""
        action, held = page.whole_form_of(button)
        return await self.client.post(action, data={**held, **(fields or {})})

    async def sign_in(self, email: str, password: str = PASSWORD, path: str = "/login") -> httpx.Response:
        return await self.press(await self.open(path), "Sign in", {"email": email, "password": password})
