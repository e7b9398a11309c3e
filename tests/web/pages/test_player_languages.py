"""Our words beside a wizard's follow the language of its run; where there is no catalogue of it, they say that they are English."""

import pytest
from tests.factories import option_set, published, step, wizard
from tests.pages_kit import Browser, Page
from tests.player_kit import begun, send_raw, sent

from keepstep.config import Resources

LANGUAGES = ["en", "de", "fr", "es", "pt", "ar", "tr", "he"]
SAID = {
    "de": (
        "Beginnen",
        "Speichern und weiter",
        "Es gibt ein Problem",
        "Bitte beantworten Sie “Name”",
        "Wählen Sie höchstens 2 Antworten auf “Many”",
    ),
    "fr": (
        "Commencer",
        "Enregistrer et continuer",
        "Il y a un problème",
        "Veuillez répondre à “Name”",
        "Choisissez au plus 2 réponses à “Many”",
    ),
    "es": ("Empezar", "Guardar y continuar", "Hay un problema", "Responda a “Name”", "Elija como máximo 2 respuestas a “Many”"),
    "pt": ("Começar", "Salvar e continuar", "Há um problema", "Responda a “Name”", "Escolha no máximo 2 respostas para “Many”"),
    "ar": ("البدء", "حفظ ومتابعة", "هناك مشكلة", "يُرجى الإجابة عن “Name”", "يُرجى اختيار إجابتين (2) على الأكثر عن “Many”"),
    "tr": ("Start", "Save and continue", "There is a problem", "Answer “Name”", "Choose at most 2 answers to “Many”"),
}


@pytest.fixture
async def ref(resources: Resources) -> str:
    options = [{"value": str(each), "label": str(each)} for each in range(3)]
    asked = [
        option_set("name", is_required=True),
        option_set("many", "multiple_select", options=options, constraints={"max_choices": 2}),
        option_set("sure", "boolean"),
    ]
    return await published(resources, wizard(step("one", *asked), languages=LANGUAGES, default_language="en"))


def quotes(text: str) -> str:
    """Each language has its own."""
    return text.translate(dict.fromkeys(map(ord, "„“”«»‟‹›\u2068\u2069\xa0\u202f"), None)).replace("  ", " ").strip()


def words(page: Page, selector: str) -> str:
    return quotes(page.text(selector))


@pytest.mark.parametrize("language", SAID)
async def test_buttons_and_findings_are_in_the_language_of_the_run(stranger: Browser, ref: str, language: str) -> None:
    start, save, problem, missing, too_many = SAID[language]
    page = await stranger.open(f"/w/{ref}?lang={language}")
    assert page.text(".pl-button") == start
    page = await begun(stranger, ref, f"?lang={language}")
    assert page.text("#step > .pl-main > .pl-button, .pl-main > .pl-button") == save
    assert (page.one("html")["lang"], page.one("html")["dir"]) == (language, "rtl" if language == "ar" else "ltr")
    many = str(page.tree.select("input[type=checkbox]")[0]["name"])
    wrong = Page(await send_raw(stranger, page, also={many: ["0", "1", "2"]}))
    assert words(wrong, "#summary-title").removeprefix("! ") == problem
    links = [quotes(" ".join(each.get_text(" ", strip=True).split())) for each in wrong.tree.select(".pl-summary li a")]
    assert links == [quotes(missing), quotes(too_many)]
    title = wrong.text("title")
    assert "<" not in title
    assert title.startswith({"de": "Fehler:", "tr": "Error:"}.get(language, title[:3]))


async def test_yes_and_no_are_said_and_the_whole_way_is_in_one_language(stranger: Browser, ref: str) -> None:
    page = await begun(stranger, ref, "?lang=de")
    named, sure = (str(page.tree.select(f"input[type={kind}]")[0]["name"]) for kind in ("text", "radio"))
    page = await sent(stranger, page, also={named: "Ann", sure: "true"})
    assert page.text("h1") == "Prüfen Sie Ihre Antworten"
    assert [each.get_text(strip=True) for each in page.tree.select(".pl-answers > div > dd:nth-of-type(1)")][-1] == "Ja"
    done = await sent(stranger, page, go=None)
    assert (done.text("h1"), done.text(".pl-note p:first-child")) == ("Vielen Dank", "Ihre Referenznummer")


@pytest.mark.parametrize(("language", "direction"), [("tr", "ltr"), ("he", "rtl")])
async def test_words_of_another_language_say_so(stranger: Browser, ref: str, language: str, direction: str) -> None:
    page = await begun(stranger, ref, f"?lang={language}")
    assert (page.one("html")["lang"], page.one("html")["dir"]) == (language, direction)
    marked = page.one(".pl-main > .pl-button span")
    assert (marked["lang"], marked["dir"], marked.get_text()) == ("en", "ltr", "Save and continue")
    named = page.one("nav.pl-above")["aria-label"]
    assert named == "Back"
    assert "lang" not in page.tree.select(".pl-label bdi")[0].attrs


@pytest.mark.parametrize(
    ("header", "said", "direction"),
    [("de-CH,en;q=0.5", "Hier ist nichts", "ltr"), ("ar", "لا يوجد شيء هنا", "rtl"), ("tr", "There is nothing here", "ltr")],
)
async def test_pages_of_no_wizard_follow_the_browser(stranger: Browser, header: str, said: str, direction: str) -> None:
    page = Page(await stranger.client.get("/w/nowhere", headers={"Accept-Language": header}))
    assert (page.answer.status_code, page.text("h1"), page.one("html")["dir"]) == (404, said, direction)
