"""The languages of a draft, and its texts in each of them: every language added or taken away and every text set is one edit."""

from collections.abc import Sequence
from dataclasses import dataclass

from keepstep.actions.confirm import Consent
from keepstep.actions.context import Context
from keepstep.actions.drafts import Edited, draft_to_edit, make_edit
from keepstep.actions.nodes import Meaning, Plan, changing_option, changing_option_set, changing_step, edit_node
from keepstep.core import edits as e
from keepstep.core.structure import Structure
from keepstep.core.translation import Wording, owner_of, with_text, wording_at
from keepstep.db.transaction import Write
from keepstep.errors import RequestInvalid, Stale
from keepstep.queries.drafts import WizardDraft, edits_since


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """A text in one language, in place of `was`, which the translator saw in the draft of revision `base`."""

    address: str
    language: str
    text: str
    was: str
    base: int
    meaning: Meaning | None = None


async def translate(ctx: Context, tx: Write, wizard_ref: str, translation: Translation) -> Edited:
    """The draft with the text. Edits of other texts since `base` do not matter.

    Raises NodeNotFound, Stale when this text was changed meanwhile, MeaningUnconfirmed when people have answered under the old one,
    RequestInvalid for an empty text in the default language and for a language that the draft does not have.
    """
    state = await draft_to_edit(ctx, tx, wizard_ref)
    structure = state.draft.structure
    wording = wording_at(structure, translation.address)
    _check(structure, translation)
    present = wording.texts.get(translation.language, "")
    if present == translation.text:
        return Edited(state=state, name=None)
    if present != translation.was:
        raise await _stale(tx, state, translation.base, "Somebody changed this text since you opened the page.")
    if not wording.node_id:
        fields = with_text(structure, wording, translation.language, translation.text).fields
        return await make_edit(ctx, tx, state, e.ChangeWizard(fields=dict(fields)))
    plan = _plan(structure, wording, translation)
    return await edit_node(ctx, tx, state.wizard.id, plan, Consent(seen="*"))


def _check(structure: Structure, translation: Translation) -> None:
    if translation.language not in structure.languages:
        raise RequestInvalid("This wizard no longer has that language.")
    if not translation.text and translation.language == structure.default_language:
        raise RequestInvalid("In the default language a text cannot be empty.")


def _plan(structure: Structure, wording: Wording, translation: Translation) -> Plan:
    fields = with_text(structure, wording, translation.language, translation.text)
    if owner_of(structure, wording) == "step":
        return changing_step(wording.node_id, fields.fields)
    if fields.value is not None:
        return changing_option(wording.node_id, fields.value, fields.fields, translation.meaning)
    return changing_option_set(wording.node_id, fields.fields, translation.meaning)


async def _stale(tx: Write, state: WizardDraft, base: int, detail: str) -> Stale:
    changed = {"revision": state.wizard.draft_revision, "edits": list(await edits_since(tx, state.wizard.id, base))}
    return Stale(detail, etag=state.etag, changed=changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Languages:
    """The languages that the draft shall have, in place of `was`."""

    languages: Sequence[str]
    default: str
    was: Sequence[str]
    base: int


async def change_languages(ctx: Context, tx: Write, wizard_ref: str, wanted: Languages) -> Edited:
    """The draft in these languages: nothing changes in the texts of those that stay (semantics 15).

    Raises Stale when its languages were changed meanwhile, StructureInvalid for a code that is none and for a default that is missing.
    """
    state = await draft_to_edit(ctx, tx, wizard_ref)
    if list(state.draft.structure.languages) != list(wanted.was):
        raise await _stale(tx, state, wanted.base, "Somebody changed the languages since you opened the page.")
    fields = {"languages": list(wanted.languages), "default_language": wanted.default}
    return await make_edit(ctx, tx, state, e.ChangeWizard(fields=fields))
