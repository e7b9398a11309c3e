"""How a template becomes an answer: the environment, one URL with two layouts, and the headers that every page has.

Must not know any page. Macros are globals (`ui.`), because a block that is rendered alone does not see what its template imports.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

from babel import Locale
from babel.support import NullTranslations
from jinja2 import BytecodeCache, Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.bccache import Bucket
from jinja2.runtime import Context as TemplateContext
from jinja2_fragments import BlockNotFoundError, render_block
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import NoMatchFound, Route

from keepstep import __version__
from keepstep.config import Resources
from keepstep.core.bidi import isolated
from keepstep.core.change_groups import family_of
from keepstep.core.text import shortened
from keepstep.queries.wizards import Wizard
from keepstep.web.assets import assets_in
from keepstep.web.icons import ICONS
from keepstep.web.navigation import NAVIGATION, WIZARD_TABS
from keepstep.web.texts import (
    Wording,
    is_in,
    language_name,
    language_of,
    languages,
    plain,
    respondent_language,
    respondent_translations,
    translations,
)

TOKEN_FIELD: Final = "csrf_token"  # noqa: S105 - the name of a field
THEME_COOKIE: Final = "keepstep_theme"
THEMES: Final = ("auto", "light", "dark")
# Nothing from elsewhere, nothing inline, nothing evaluated. data: is where the style sheet keeps its ticks and arrows.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    # With no-referrer a browser says "Origin: null" when it sends a form, and nothing tells it from a stranger's form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Vary": "HX-Request, HX-Request-Type, Cookie, Accept-Language",
}
# Everything of htmx that would evaluate text or write a style is off; Back reloads the page instead of swapping its body.
HTMX_CONFIG: Final = json.dumps(
    {"includeIndicatorCSS": False, "prefix": "", "history": "reload", "extensions": "none", "defaultTimeout": 30_000, "noSwap": [204, 304]}
)
# What a form was answered with may be kept by the browser that sent it, and by nobody else: Back shows it again with what was typed in
# it, where a page that nobody may keep would have to be sent a second time (decision 0033). Signing out clears it.
# Without a word on cookies: those change by signing in again, and Back would find nothing then.
_ANSWERING: Final[Mapping[str, str]] = {"Cache-Control": "private, no-cache", "Vary": "HX-Request, HX-Request-Type, Accept-Language"}
# The status of what was just made: such a page shows a secret once.
_MADE: Final = 201

FRAMED: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'"),
    "X-Frame-Options": "SAMEORIGIN",
}
"""Headers of a page that another page of ours shows in a frame."""
FRAMING: Final[Mapping[str, str]] = {"Content-Security-Policy": f"{POLICY}; frame-src 'self'"}
"""Headers of a page that shows another one of ours in a frame."""


def wants_part(request: Request) -> bool:
    """Whether htmx asks for a block of the page rather than for all of it."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-request-type") != "full"


def is_htmx(request: Request) -> bool:
    """Whether the script of the page sends this, which can be told what no browser does by itself."""
    return request.headers.get("hx-request") == "true"


def in_dialog(request: Request) -> dict[str, str]:
    """Headers with which the script of the page shows an answer in the dialog, wherever it meant to put it."""
    return {"HX-Retarget": "#dialog", "HX-Reswap": "innerHTML"} if is_htmx(request) else {}


def page(
    request: Request,
    template: str,
    *,
    block: str = "content",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """The page, or its `block` alone where htmx asks for a part. `values` are what the template names."""
    resources: Resources = request.app.state.resources
    environment = environment_of(language_for(request), resources.settings.zone)
    given = _always(request) | {"layout": _layout(values)} | values
    body = _part(environment, template, block, given) if wants_part(request) else environment.get_template(template).render(given)
    answering = _ANSWERING if request.method == "POST" and status != _MADE and not is_htmx(request) else {}
    return HTMLResponse(body, status_code=status, headers={**PAGE_HEADERS, **answering, **(headers or {})})


def _layout(values: Mapping[str, Any]) -> str:
    """What a dialog stands in where it is a page: the frame of the wizard that it is about, with as much in it as the page gives."""
    if not isinstance(values.get("wizard"), Wizard):
        return "shell.html"
    return "history/frame.html" if "has_draft" in values else "wizard.html"


def _part(environment: Environment, template: str, block: str, given: Mapping[str, Any]) -> str:
    try:
        return render_block(environment, template, block, given)
    except BlockNotFoundError:
        # The block is of the template that this one extends (dialog.html), and holds blocks of this one: all of it, in no page.
        return environment.get_template(template).render(given, layout="part.html")


def language_for(request: Request) -> str:
    """As somebody chose for their account, else as their browser asks."""
    visitor = getattr(request.state, "visitor", None)
    chosen = visitor.language if visitor else None
    return chosen if chosen in languages() else language_of(request.headers.get("accept-language"))


def _always(request: Request) -> dict[str, Any]:
    """What every template may name. `visitor` is None while nobody is signed in, `provider` without one to sign in with."""
    theme = request.cookies.get(THEME_COOKIE)
    resources: Resources = request.app.state.resources
    return {
        "request": request,
        "path": request.url.path,
        "visitor": getattr(request.state, "visitor", None),
        "theme": theme if theme in THEMES else "auto",
        "provider": resources.settings.oidc.name if resources.settings.oidc else None,
    }


class _Compiled(BytecodeCache):
    """What a template was compiled to, for the environments of all languages: compiling takes ten times as long as anything a page does."""

    def __init__(self) -> None:
        self._code: dict[str, tuple[str, Any]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        checksum, code = self._code.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = (bucket.checksum, bucket.code)


_compiled: Final = _Compiled()


def warm_templates(language: str, zone: str) -> None:
    """Compiles every template, so that no visitor waits for it."""
    environment = environment_of(language, zone)
    for name in environment.list_templates():
        environment.get_template(name)


@cache
def environment_of(language: str, zone: str) -> Environment:
    """The templates in one language. `zone` is the installation's."""
    return _environment(language, zone, translations(language))


@cache
def respondent_environment(language: str, zone: str, *, marked: bool = False) -> Environment:
    """The same for respondents. `marked`: each of our texts says in which language it is, since the wizard is in another one."""
    found = respondent_translations(language)
    return _environment(language, zone, Marked(found, language) if marked else found)


def player_environment(language: str, zone: str) -> Environment:
    """The templates with our words in the language of a wizard, or in the source, told so, where there is no catalogue."""
    words = respondent_language(language)
    return respondent_environment(words, zone, marked=not is_in(language, words))


class Marked:
    """A catalogue whose texts stand in an element that names their language; attributes and titles take it off (`striptags`)."""

    def __init__(self, found: NullTranslations, language: str) -> None:
        self._found = found
        direction = Locale.parse(language).text_direction
        self._opening = f'<span lang="{language}" dir="{direction}">'

    def gettext(self, text: str) -> str:
        return f"{self._opening}{self._found.gettext(text)}</span>"

    def ngettext(self, one: str, many: str, count: int) -> str:
        return f"{self._opening}{self._found.ngettext(one, many, count)}</span>"


def _environment(language: str, zone: str, found: NullTranslations | Marked) -> Environment:
    made = Environment(
        loader=PackageLoader("keepstep.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        # Templates are files of the installation: the server is started anew after a change, as for scripts and styles.
        auto_reload=False,
        bytecode_cache=_compiled,
        cache_size=-1,
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_translations(found, newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    wording = Wording(language, zone)
    made.globals["gettext"] = _isolating(made.globals["gettext"])  # type: ignore[arg-type]  # the extension made it
    made.globals["ngettext"] = _numbered(made.globals["ngettext"], wording)  # type: ignore[arg-type]  # as above
    made.filters |= {
        "number": wording.number,
        "clock": wording.clock,
        "day": wording.day,
        "moment": wording.moment,
        "isolated": _isolated,
        "language_name": language_name,
        "shortened": shortened,
        "query": _query,
        "size": wording.size,
    }
    made.globals |= {
        "as_text": plain,
        "asset": assets_in().address,
        "csrf_field": _csrf_field,
        "family_of": family_of,
        "has_page": _has_page,
        "htmx_config": HTMX_CONFIG,
        "icon": _icon,
        "language": language,
        "navigation": NAVIGATION,
        "path_of": _path_of,
        "release": __version__,
        "wizard_tabs": WIZARD_TABS,
    }
    # The macros see the globals above, and nothing of a single request.
    made.globals["ui"] = made.get_template("components.html").module
    made.globals["player"] = made.get_template("player/parts.html").module
    return made


def _isolated(text: str) -> str:
    found = isolated(str(text))
    return Markup(found) if isinstance(text, Markup) else found  # noqa: S704 - as safe as it came


def _isolating(gettext: Callable[..., str]) -> Callable[..., str]:
    """What stands in a sentence of ours never turns the direction of the sentence, whoever wrote it (core/bidi.py)."""

    @pass_context
    def isolating(context: TemplateContext, text: str, /, **named: Any) -> str:
        return gettext(context, text, **_isolated_in(named))

    return isolating


def _isolated_in(named: Mapping[str, Any]) -> dict[str, Any]:
    return {name: isolated(value) if type(value) is str else value for name, value in named.items()}


def _numbered(ngettext: Callable[..., str], wording: Wording) -> Callable[..., str]:
    """`%(num)s` as the language writes numbers: in the plurals of every page and not only where somebody thought of it."""

    @pass_context
    def numbered(context: TemplateContext, singular: str, plural: str, num: int, /, **named: Any) -> str:
        return ngettext(context, singular, plural, num, **{"num": wording.number(num), **_isolated_in(named)})

    return numbered


def _query(parameters: Mapping[str, str]) -> str:
    """The query of a link: without what is empty, which is what leaving it out means."""
    return urlencode({name: value for name, value in parameters.items() if value})


@cache
def _icon(name: str, size: int = 16, *, classes: str = "") -> Markup:
    """A drawing beside a word. It says nothing by itself: whatever has only an icon gets a label of its own."""
    if name not in ICONS:
        raise KeyError(name)
    drawing = Markup('<svg class="ks-icon {}" width="{}" height="{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>')
    return drawing.format(classes, size, size, assets_in().address("vendor/icons.svg"), name)


@pass_context
def _csrf_field(context: TemplateContext) -> Markup:
    """What every form that changes something holds; empty for somebody who has not signed in."""
    visitor = context.get("visitor")
    field = Markup('<input type="hidden" name="{}" value="{}">')
    return field.format(TOKEN_FIELD, visitor.csrf_token) if visitor else Markup("")


@pass_context
def _path_of(context: TemplateContext, name: str, **parts: str) -> str:
    """The path of a page by the name of its route, such as `path_of("build", wizard_ref=wizard.slug)`."""
    return path_to(context["request"], name, **parts)


@pass_context
def _has_page(context: TemplateContext, name: str, **parts: str) -> bool:
    """Whether this release has the page: tabs and links appear with the page they lead to."""
    try:
        path_to(context["request"], name, **parts)
    except NoMatchFound:
        return False
    return True


def first_path(request: Request, names: Sequence[str], **parts: str) -> str:
    """The path of the first of these pages that this release has; the first page of all without one."""
    for name in names:
        try:
            return path_to(request, name, **parts)
        except NoMatchFound:
            continue
    return "/"


def path_to(request: Request, name: str, **parts: str) -> str:
    """The path of a page. Raises NoMatchFound."""
    route = _pages_of(request.app).get(f"page:{name}")
    if route is None:
        raise NoMatchFound(name, parts)
    return str(route.url_path_for(route.name, **parts))


def _pages_of(app: Any) -> Mapping[str, Route]:
    """The routes by their names. The application itself tries one after the other for every link, which took most of the time of a
    page with fifty rows.
    """
    routes = app.router.routes
    many, known = getattr(app.state, "routes_by_name", (0, {}))
    if many != len(routes):
        known = {route.name: route for route in reversed(routes) if isinstance(route, Route)}
        app.state.routes_by_name = (len(routes), known)
    found: Mapping[str, Route] = known
    return found
