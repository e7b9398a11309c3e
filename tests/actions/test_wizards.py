import pytest
from tests.actions_kit import EDITOR, Desk, new_id, survey_structure

from keepstep.actions.wizards import NewWizard, WizardPatch, change_wizard, create_wizard
from keepstep.core.structure import choices_of
from keepstep.errors import IdConflict, IdTaken, RequestInvalid, SlugTaken, StructureInvalid, WizardNotFound
from keepstep.queries.drafts import get_draft
from keepstep.queries.wizards import WizardFilter, find_wizard, get_wizard, list_wizards


async def test_a_wizard_gets_a_slug_from_its_name_and_the_next_one_another(desk: Desk) -> None:
    first = await desk.do(create_wizard, NewWizard(name="Customer Survey"))
    second = await desk.do(create_wizard, NewWizard(name="Customer Survey"))
    assert (first.wizard.slug, second.wizard.slug) == ("customer-survey", "customer-survey-2")
    assert (first.wizard.name, first.wizard.draft_revision, first.created) == ("Customer Survey", 1, True)


async def test_a_wizard_is_found_by_id_and_by_slug(desk: Desk) -> None:
    created = (await desk.do(create_wizard, NewWizard(name="Intake"))).wizard
    for ref in (created.id, "intake"):
        assert await desk.read(get_wizard, EDITOR, ref, "view") == created
    with pytest.raises(WizardNotFound):
        await desk.read(get_wizard, EDITOR, "nothing", "view")


async def test_the_same_request_creates_once_and_another_one_under_its_id_conflicts(desk: Desk) -> None:
    new = NewWizard(id=new_id(), name="Intake", structure=survey_structure())
    first, second = await desk.do(create_wizard, new), await desk.do(create_wizard, new)
    assert (first.created, second.created) == (True, False)
    assert first.wizard == second.wizard
    with pytest.raises(IdConflict):
        await desk.do(create_wizard, NewWizard(id=new.id, name="Other"))


async def test_ids_of_another_wizard_are_refused_and_named(desk: Desk) -> None:
    structure = survey_structure()
    await desk.do(create_wizard, NewWizard(structure=structure))
    with pytest.raises(IdTaken) as refused:
        await desk.do(create_wizard, NewWizard(structure=structure))
    assert refused.value.errors[0]["pointer"] == "/steps/0/id"
    assert len(refused.value.errors) == 5


async def test_what_a_structure_leaves_out_is_made(desk: Desk) -> None:
    choice = {"name": "Color", "selection_type": "dropdown", "options": [{"label": "Dark red"}, {"label": "Dark red"}]}
    structure = {"name": "Shop", "steps": [{"name": "One", "option_sets": [choice, choice]}]}
    wizard = (await desk.do(create_wizard, NewWizard(structure=structure))).wizard
    sets = (await desk.read(get_draft, EDITOR, wizard.id)).draft.structure.option_sets
    assert [item.key for item in sets] == ["color", "color-2"]
    assert [option.value for option in choices_of(sets[0])] == ["dark-red", "dark-red-2"]


@pytest.mark.parametrize("slug", ["", "Upper", "a--b", "-a", "a_b", "0190f5e0-1111-7111-8111-111111111111", "x" * 81])
async def test_a_slug_that_is_none_is_refused(desk: Desk, slug: str) -> None:
    with pytest.raises(RequestInvalid):
        await desk.do(create_wizard, NewWizard(name="A", slug=slug))


async def test_a_slug_in_use_is_refused(desk: Desk) -> None:
    await desk.do(create_wizard, NewWizard(name="A", slug="a"))
    with pytest.raises(SlugTaken):
        await desk.do(create_wizard, NewWizard(name="B", slug="a"))


async def test_a_name_that_is_no_text_is_refused(desk: Desk) -> None:
    with pytest.raises(StructureInvalid):
        await desk.do(create_wizard, NewWizard(name=7))


async def test_a_wizard_without_a_name_is_refused(desk: Desk) -> None:
    with pytest.raises(RequestInvalid) as refused:
        await desk.do(create_wizard, NewWizard())
    assert refused.value.errors[0]["pointer"] == "/name"


async def test_renaming_a_wizard_is_an_edit_of_its_draft(desk: Desk) -> None:
    wizard = (await desk.do(create_wizard, NewWizard(name="A"))).wizard
    renamed = await desk.do(change_wizard, wizard.id, WizardPatch(name="B", slug="b-b", settings={"abandon_after": 7}))
    assert (renamed.name, renamed.slug, renamed.draft_revision, renamed.settings) == ("B", "b-b", 2, {"abandon_after": 7})
    assert (await desk.read(get_draft, EDITOR, "b-b")).draft.structure.name == "B"
    assert (await desk.read(find_wizard, wizard.id)) == renamed


@pytest.mark.parametrize("settings", [{"abandon_after": 0}, {"abandon_after": True}, {"abandon_after": "7"}, {"colour": 1}])
async def test_a_setting_that_does_not_fit_is_refused_by_name(desk: Desk, settings: dict[str, object]) -> None:
    wizard = (await desk.do(create_wizard, NewWizard(name="A"))).wizard
    with pytest.raises(RequestInvalid) as refused:
        await desk.do(change_wizard, wizard.id, WizardPatch(settings=settings))
    assert refused.value.errors[0]["pointer"].startswith("/settings/")


async def test_lists_go_from_the_newest_to_the_oldest_and_find_words(desk: Desk) -> None:
    made = [(await desk.do(create_wizard, NewWizard(name=name))).wizard for name in ("Alpha", "Beta 100%", "Gamma")]
    listed = await desk.read(list_wizards, EDITOR, WizardFilter(), limit=2, after=None)
    assert [wizard.id for wizard in listed] == [made[2].id, made[1].id]
    rest = await desk.read(list_wizards, EDITOR, WizardFilter(), limit=2, after=listed[-1].id)
    assert [wizard.id for wizard in rest] == [made[0].id]
    found = await desk.read(list_wizards, EDITOR, WizardFilter(words="100%"), limit=5, after=None)
    assert [wizard.name for wizard in found] == ["Beta 100%"]
