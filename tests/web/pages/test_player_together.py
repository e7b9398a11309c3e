"""Two tabs or devices at one run, Back, and double clicks: what only one side changed is merged, what both changed is asked."""

from tests.factories import option_set, published, step, wizard
from tests.pages_kit import Browser, Page
from tests.player_kit import begun, form_in, path_of, run_id_of, send_raw, sent, title
from tests.web.pages.test_player import answers_of, intake

from keepstep.config import Resources


async def test_two_tabs_on_different_questions_are_merged(stranger: Browser, resources: Resources) -> None:
    one = await begun(stranger, await published(resources, intake()))
    two = await stranger.open(path_of(one))
    await sent(stranger, one, {"Name": "Ann"})
    page = await sent(stranger, two, {"Day": "1", "Month": "2", "Year": "1990"})
    assert title(page) == "Visit"
    assert list((await answers_of(resources, run_id_of(page))).values())[:2] == ["Ann", "1990-02-01"]


async def test_two_tabs_on_one_question_are_told_and_nothing_typed_is_lost(stranger: Browser, resources: Resources) -> None:
    one = await begun(stranger, await published(resources, intake()))
    two = await stranger.open(path_of(one))
    await sent(stranger, one, {"Name": "Ann"})
    page = await sent(stranger, two, {"Name": "Bob", "Year": "1990"}, go="back")
    assert page.answer.status_code == 409
    assert "Name : Ann" in page.text(".pl-summary")
    assert (page.labelled("Name")["value"], page.labelled("Year")["value"]) == ("Bob", "1990")
    assert "Ann" in (await answers_of(resources, run_id_of(page))).values()
    page = await sent(stranger, page, {"Year": "", "Day": "", "Month": ""})
    assert title(page) == "Visit"
    assert "Bob" in (await answers_of(resources, run_id_of(page))).values()


async def test_going_back_to_the_form_that_was_sent_and_changing_it_is_no_collision(stranger: Browser, resources: Resources) -> None:
    one = await begun(stranger, await published(resources, intake()))
    await sent(stranger, one, {"Name": "Ann"})
    page = await sent(stranger, one, {"Name": "Anna"})
    assert title(page) == "Visit"
    assert "Anna" in (await answers_of(resources, run_id_of(page))).values()


async def test_a_form_of_a_step_that_other_answers_took_away_meanwhile_changes_nothing(stranger: Browser, resources: Resources) -> None:
    first = option_set("first")
    gone = step("two", option_set("more"), visible_if={"==": [{"var": first["id"]}, "yes"]})
    page = await begun(stranger, await published(resources, wizard(step("one", first), gone)))
    two = await sent(stranger, page, {"First": "yes"})
    await sent(stranger, await stranger.open(path_of(page)), {"First": "no"})
    assert title(await sent(stranger, two, {"More": "x"})) == "Check your answers"
    assert await answers_of(resources, run_id_of(page)) == {first["id"]: "no"}


async def test_a_form_may_lie_about_itself_without_harm(stranger: Browser, resources: Resources) -> None:
    page = await begun(stranger, await published(resources, intake()))
    lies: list[dict[str, str | list[str]]] = [
        {"base": ["x", ":", "a:b:c", "\x00:1"], "form": "\x00" * 90},
        {"shown": ["nobody", "../..", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")]},
        {"go": "everywhere", "returning": "x" * 9_000},
        {"to_language": "klingon"},
        {"resume": "A" * 54},
    ]
    for lie in lies:
        answer = await send_raw(stranger, page, {"Name": "Ann"}, go=None, also=lie)
        assert answer.status_code in (303, 409, 422), (lie, answer.status_code)
    answer = await send_raw(stranger, page, {"Name": "A\x00nn"})
    assert (answer.status_code, Page(answer).labelled("Name")["value"]) == (422, "A\x00nn")


async def test_a_stranger_s_page_cannot_send_a_form(stranger: Browser, resources: Resources) -> None:
    ref = await published(resources, intake())
    page = await begun(stranger, ref)
    for path in (f"/w/{ref}", path_of(page), path_of(page).replace("step/about", "check"), path_of(page).replace("step/about", "later")):
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            answer = await stranger.client.post(path, data=form_in(page), headers=headers)
            assert (answer.status_code, Page(answer).text("h1")) == (403, "This did not come from a page of ours")
    assert await answers_of(resources, run_id_of(page)) == {}
