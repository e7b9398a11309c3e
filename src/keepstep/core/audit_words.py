"""What was done, in words: one sentence for each kind of entry of the audit trail, from names and counts alone.

Details never hold answers; a detail that is not named here is not shown. Must not know who did it or where it is drawn.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args

from keepstep.core.bidi import isolated

Deed = Mapping[str, Any]
"""The details of an entry, with `about`: the name of the person or run that it is about, where there is one."""

Subject = Literal[
    "draft", "wizard", "run", "plan", "job", "user", "token", "grant", "session", "checkpoint", "integrity", "files", "database", "subject"
]
SUBJECTS: Final[tuple[Subject, ...]] = get_args(Subject)
"""What actions are named after, in the order in which a filter offers them."""


def deed_of(action: str, details: Mapping[str, Any], about: str | None = None) -> str:
    """The sentence; of an action that is not known here, its name."""
    words = _WORDS.get(action)
    return action if words is None else words({**_apart(details), "about": isolated(about or "somebody who is gone")})


def _apart(value: Any) -> Any:
    """What somebody is called or has called something turns nothing of the sentence around it."""
    if isinstance(value, Mapping):
        return {name: _apart(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_apart(each) for each in value]
    return isolated(value) if isinstance(value, str) else value


def known_actions() -> frozenset[str]:
    """Every action that has words."""
    return frozenset(_WORDS)


def _count(number: Any, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}" if isinstance(number, int) else several or one + "s"


def _published(deed: Deed) -> str:
    if deed.get("rolled_back_to"):
        return f"Rolled back: published version {deed['version_number']} with the structure of version {deed['rolled_back_to']}."
    number = deed.get("version_number")
    return f"Published version {number}{'' if number == 1 else ' with ' + _count(deed.get('changes'), 'change')}."


def _changed(deed: Deed) -> str:
    told = []
    if "slug" in deed:
        told.append(f"the address to {deed['slug']}")
    if "settings" in deed:
        # Entries of before held all settings, with what makes the link.
        shown = sorted((name, value) for name, value in (deed["settings"] or {}).items() if name != "access")
        settings = ", ".join(f"{name} = {_setting(value)}" for name, value in shown)
        told.append(f"the settings ({settings})" if settings else "the settings (back to the defaults)")
    return f"Changed {' and '.join(told) or 'the wizard'}."


def _setting(value: Any) -> str:
    """A retention rule as a phrase; other values as they are."""
    if value is None:
        return "the default"
    if isinstance(value, Mapping) and value.keys() == {"after", "days", "then"}:
        return _rule(value)
    return str(value)


def _rule(rule: Mapping[str, Any]) -> str:
    return f"{rule.get('then')} {_count(rule.get('days'), 'day')} after {str(rule.get('after')).replace('_', ' ')}"


def _retained(deed: Deed) -> str:
    went = "Erased" if deed.get("then") == "erase" else "Moved to the trash:"
    return f"{went} {_count(deed.get('runs'), 'run')} by the retention rule ({_rule(deed)})."


def _access_changed(deed: Deed) -> str:
    told = ", ".join(f"{name} = {'the default' if value is None else value}" for name, value in (deed.get("changed") or {}).items())
    return f"Changed who may begin the wizard: {told}."


def _links_made(deed: Deed) -> str:
    renewed = f"; {_count(deed['renewed'], 'older link opens', 'older links open')} nothing any more" if deed.get("renewed") else ""
    return f"Made {_count(deed.get('links'), 'link')} of invitations{renewed}."


def _runs_imported(deed: Deed) -> str:
    there = deed.get("already_there")
    more = f", {there:,} were there already" if there else ""
    return f"Imported {_count(deed.get('added'), 'run')} from {deed.get('filename')} into version {deed.get('version_number')}{more}."


def _erased(deed: Deed) -> str:
    which = _count(deed["option_sets"], "question") if deed.get("option_sets") else "all questions"
    files = f" and {_count(deed['files'], 'file')}" if deed.get("files") else ""
    return f"Erased {_count(deed.get('answers'), 'stored answer')} to {which}{files} of run {deed['about']}, for good."


def _of_a_person(verb: str, deed: Deed) -> str:
    told = [_count(deed.get(name), name.removesuffix("s")) for name in ("runs", "files", "invitations") if deed.get(name)]
    left = f"; {_count(deed['left'], 'run is', 'runs are')} left" if deed.get("left") else ""
    return f"{verb} everything of one respondent: {', '.join(told) or 'nothing'}{left}."


def _user_changed(deed: Deed) -> str:
    words = {"role": f"role, now {deed.get('role')}", "name": "name", "email": "e-mail address", "disabled_at": "whether they may sign in"}
    words["language"] = "language"
    told = ", ".join(words.get(name, name) for name in deed.get("changed", ()))
    return f"Changed {deed['about']}: {told}."


_WAYS: Final[Mapping[Any, str]] = {"provider": " through the provider", "link": " with a link", "set-up": " for the first time"}


def _checked(deed: Deed) -> str:
    found = f"{_count(deed.get('altered'), 'alteration')}, {_count(deed.get('unshown'), 'answer')} that cannot be shown"
    return f"Checked what is stored: {_count(deed.get('runs'), 'run')}{'' if deed.get('whole') else ' so far'}, {found}."


def _finished(deed: Deed) -> str:
    waiting = "; some wait for a decision" if deed.get("state") == "completed_with_conflicts" else ""
    return f"A migration is over: {_count(deed.get('moved'), 'run')} of {deed.get('runs')} moved{waiting}."


_DAILY: Final[Mapping[str, str]] = {
    "abandoned": "run abandoned",
    "sessions": "session over",
    "links": "link over",
    "passages": "link to resume over",
    "sign_ins": "sign-in broken off",
    "tries": "count of sign-in tries",
    "uploads": "upload never named",
    "contents": "left-over content",
    "trashed_by_rule": "run moved to the trash by a retention rule",
    "erased_by_rule": "run erased by a retention rule",
}


def _maintained(deed: Deed) -> str:
    told = [f"{deed[kind]:,} × {words}" for kind, words in _DAILY.items() if isinstance(deed.get(kind), int) and deed[kind]]
    return f"Did the daily work: {', '.join(told) or 'nothing was over'}."


_WORDS: Final[Mapping[str, Callable[[Deed], str]]] = {
    "draft.edited": lambda deed: f"{deed.get('name')}.",
    "draft.undone": lambda deed: f"{deed.get('name')}.",
    "draft.redone": lambda deed: f"Redo: {deed.get('name')}.",
    "wizard.created": lambda deed: f"Created the wizard “{deed.get('name')}”.",
    "wizard.changed": _changed,
    "wizard.access_changed": _access_changed,
    "wizard.link_renewed": lambda _: "Renewed the link of the wizard; the one before lets nobody begin any more.",
    "wizard.invited": lambda deed: f"Added {_count(deed.get('invitations'), 'invitation')}.",
    "wizard.links_made": _links_made,
    "wizard.invitation_renewed": lambda deed: f"Renewed an invitation ({str(deed.get('was', '')).replace('_', ' ')} before).",
    "wizard.invitations_revoked": lambda deed: f"Revoked {_count(deed.get('invitations'), 'invitation')}.",
    "wizard.invitations_deleted": lambda deed: f"Deleted {_count(deed.get('invitations'), 'invitation')} from the list.",
    "wizard.published": _published,
    "wizard.imported": lambda deed: f"Imported {deed.get('filename')} ({deed.get('format')}).",
    "wizard.runs_imported": _runs_imported,
    "wizard.retention_applied": _retained,
    "wizard.runs_abandoned": lambda deed: (
        f"Marked {_count(deed.get('runs'), 'run')} as abandoned: not saved for {_count(deed.get('days'), 'day')}."
    ),
    "wizard.trashed": lambda deed: f"Moved the wizard to the trash; {_count(deed.get('runs'), 'run stays', 'runs stay')} readable.",
    "wizard.restored": lambda _: "Restored the wizard from the trash.",
    "wizard.removed": lambda deed: (
        f"Removed the wizard “{deed.get('name')}” for good; {_count(deed.get('runs'), 'run stays', 'runs stay')} readable."
    ),
    "wizard.view_saved": lambda _: "Saved a view of the runs.",
    "wizard.view_deleted": lambda _: "Deleted a view of the runs.",
    "run.revision_restored": lambda deed: (
        f"Restored revision {deed.get('revision')} of run {deed['about']}, as revision {deed.get('stored_as')}."
    ),
    "run.trashed": lambda deed: f"Moved run {deed['about']} to the trash.",
    "run.restored": lambda deed: f"Restored run {deed['about']} from the trash.",
    "run.link_renewed": lambda deed: f"Renewed the link to resume run {deed['about']}; the one before opens nothing any more.",
    "run.erased": _erased,
    "subject.exported": lambda deed: _of_a_person("Exported", deed),
    "subject.erased": lambda deed: _of_a_person("Erased", deed),
    "user.created": lambda deed: f"Made an account for {deed['about']} ({deed.get('role')}).",
    "user.changed": _user_changed,
    "user.password_set": lambda deed: f"Set a password for {deed['about']}.",
    "user.invited": lambda deed: f"Made an invitation link for {deed['about']}.",
    "user.reset_link_made": lambda deed: f"Made a link for {deed['about']} to set a new password.",
    "user.link_withdrawn": lambda deed: f"Withdrew the open link of {deed['about']}.",
    "user.identity_connected": lambda deed: f"Connected {deed['about']} with {deed.get('issuer')}.",
    "user.identity_disconnected": lambda deed: f"Disconnected {deed['about']} from {deed.get('issuer')}.",
    "token.created": lambda deed: f"Made an API token for {deed['about']} ({', '.join(deed.get('scopes', ()))}).",
    "token.revoked": lambda deed: f"Revoked an API token of {deed['about']}.",
    "grant.given": lambda deed: f"Made {deed['about']} {deed.get('role')} of this wizard.",
    "grant.withdrawn": lambda deed: f"Took the role of {deed['about']} on this wizard away.",
    "session.opened": lambda deed: f"{deed['about']} signed in{_WAYS.get(deed.get('by'), '')}.",
    "session.ended": lambda deed: f"{deed['about']} signed out.",
    "session.ended_everywhere": lambda deed: f"{deed['about']} signed out everywhere ({_count(deed.get('sessions'), 'session')}).",
    "plan.made": lambda deed: f"Made a plan to move runs from {_count(deed.get('sources'), 'version')}.",
    "plan.changed": lambda deed: f"Changed a plan to move runs (now at its revision {deed.get('revision')}).",
    "plan.discarded": lambda _: "Discarded a plan to move runs that nobody had approved.",
    "plan.approved": lambda deed: f"Approved a plan to move runs (revision {deed.get('revision')}); it never changes now.",
    "job.previewed": lambda _: "Previewed a plan: counted what would become of every run.",
    "job.started": lambda deed: f"Began to move {_count(deed.get('runs'), 'run')} to another version.",
    "job.paused": lambda _: "Paused a migration.",
    "job.resumed": lambda _: "Let a migration go on.",
    "job.cancelled": lambda _: "Stopped a migration for good; what it moved stays moved.",
    "job.stopped": lambda deed: f"A migration stopped by itself: {str(deed.get('reason', '')).replace('-', ' ')}.",
    "job.undone": lambda _: "Began to take a migration back.",
    "job.finished": _finished,
    "job.conflicts_resolved": lambda deed: (
        f"Decided about {_count(deed.get('runs'), 'run')} that waited for the same answer ({deed.get('choice')})."
    ),
    "job.conflict_resolved": lambda deed: f"Decided about an answer of a run that waited ({deed.get('choice')}).",
    "run.moved": lambda deed: f"Moved run {deed['about']} from version {deed.get('from_version')} to version {deed.get('to_version')}.",
    "run.offer_accepted": lambda deed: (
        f"The respondent of run {deed['about']} went on from version {deed.get('from_version')} to version {deed.get('to_version')}."
    ),
    "run.offer_declined": lambda deed: (
        f"The respondent of run {deed['about']} stays on version {deed.get('version')}: declined version {deed.get('offered_version')}."
    ),
    "run.moved_back": lambda deed: f"Moved run {deed['about']} back from version {deed.get('from_version')}.",
    "integrity.checked": _checked,
    "files.swept": lambda deed: f"Removed {_count(deed.get('contents'), 'content')} of files that nothing names.",
    "database.maintained": _maintained,
    "database.repaired": lambda deed: f"Put right what was off in the database: {', '.join(deed.get('found', ()))}.",
    "checkpoint.made": lambda deed: f"Made a signed checkpoint ({deed.get('cause')}).",
}
