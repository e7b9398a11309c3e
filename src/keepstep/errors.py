"""What stops a request: every user error of Keepstep, declared once.

A `Problem` is raised; a finding about data is a value (`core.issue.Issue`). Nothing here knows HTTP, exit codes or
pages: `web/problems.py` and `cli` give each *kind* its number. The docstring of a problem is its text in docs/problems.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

Kind = Literal[
    "malformed",
    "invalid",
    "unauthenticated",
    "forbidden",
    "not_found",
    "conflict",
    "gone",
    "stale",
    "precondition_required",
    "limited",
    "too_large",
    "unsupported",
    "unavailable",
    "internal",
]


class Problem(Exception):
    """The base of every user error: `kind` decides the status, `code` is stable, `title` is the same for each occurrence.

    `detail` says what happened here and what to do; `errors` is a sequence of `{pointer, code, detail}`;
    `extra` holds further members of the answer (an impact report, an existing id, …).
    """

    kind: ClassVar[Kind] = "invalid"
    code: ClassVar[str] = "problem"
    title: ClassVar[str] = "Problem"

    def __init__(self, detail: str = "", *, errors: Sequence[Mapping[str, Any]] = (), **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.extra = extra


class MalformedJson(Problem):
    """The body is not JSON, not UTF-8, nested too deeply, or holds a number or a character that cannot be stored exactly."""

    kind, code, title = "malformed", "malformed-json", "The body could not be read as JSON"


class RequestInvalid(Problem):
    """A field, a query parameter or a header of the request does not have the documented form. `errors` names each."""

    kind, code, title = "invalid", "request-invalid", "The request is not valid"


class StructureInvalid(Problem):
    """The structure breaks a rule that Keepstep needs in order to work with it. `errors` names each place and the remedy."""

    kind, code, title = "invalid", "structure-invalid", "The structure is not valid"


class AnswersInvalid(Problem):
    """At least one answer given in this request does not fit its question. Nothing was stored; `errors` names every one."""

    kind, code, title = "invalid", "answers-invalid", "Some answers need another look"


class UnknownOptionSet(Problem):
    """An answer names an option set that neither the run's version nor its key aliases know. Check the key or the id."""

    kind, code, title = "invalid", "unknown-option-set", "No such question in this version"


class IdTaken(Problem):
    """An id in this structure belongs to another wizard. Copies of a structure get new ids: import it instead."""

    kind, code, title = "invalid", "id-taken", "An id belongs to another wizard"


class FileUnreadable(Problem):
    """The uploaded or named file is not what it says it is, or cannot be read. The detail names the place."""

    kind, code, title = "invalid", "file-unreadable", "The file could not be read"


class CursorInvalid(Problem):
    """The list cursor was not made by this server for this list. Start again without one."""

    kind, code, title = "invalid", "cursor-invalid", "The cursor is not valid"


class SettingInvalid(Problem):
    """A setting (an environment variable or a command-line option) has a value that cannot be used."""

    kind, code, title = "invalid", "setting-invalid", "A setting is not valid"


class Unauthenticated(Problem):
    """No token, or one that is unknown, expired or revoked. Send `Authorization: Bearer <token>`."""

    kind, code, title = "unauthenticated", "unauthenticated", "Sign in first"


class Forbidden(Problem):
    """Who you are is known, but your role, your token's scopes or your grants do not allow this."""

    kind, code, title = "forbidden", "forbidden", "Not allowed"


class CrossSite(Problem):
    """A page of another site sent this, or one of ours whose session is over. Reload the page and send it again from there."""

    kind, code, title = "forbidden", "cross-site", "This did not come from a page of ours"


class PassageUnknown(Problem):
    """Nothing here says that these answers are yours: the link to resume is wrong, too old or replaced, or the browser lost its cookie.

    Open the link again that you were given to carry on, or begin anew.
    """

    kind, code, title = "forbidden", "passage-unknown", "These answers cannot be opened here"


class SignInRefused(Problem):
    """The provider said who you are, but nobody here belongs to that, or what it said could not be trusted. The detail says which."""

    kind, code, title = "forbidden", "sign-in-refused", "You could not be signed in"


class NotAdmitted(Problem):
    """Nobody can begin this wizard now, or not in this way. `refusal` says why: it is closed, full, needs a link, and so on.

    `at` is when it opens or closed, `wait` how many seconds to wait before another try.
    """

    kind, code, title = "forbidden", "not-admitted", "This cannot be begun now"

    @property
    def refusal(self) -> str:
        """One of `core.admission.Refusal`."""
        return str(self.extra.get("refusal", "closed"))


class AlreadySetUp(Problem):
    """The first user has been made, so the set-up page is closed. Sign in, or ask an admin for an account."""

    kind, code, title = "conflict", "already-set-up", "This Keepstep is set up already"


class PlanInvalid(Problem):
    """The plan cannot be carried out as it is. `errors` names every fault, with its place in the plan and the remedy."""

    kind, code, title = "invalid", "plan-invalid", "This plan is not complete"


class ResolutionInvalid(Problem):
    """This is no way to resolve this conflict, or the value does not fit its question. The detail says what can be chosen."""

    kind, code, title = "invalid", "resolution-invalid", "This does not resolve the conflict"


class PlanNotFound(Problem):
    """There is no plan with this id that you may see."""

    kind, code, title = "not_found", "plan-not-found", "No such plan"


class JobNotFound(Problem):
    """There is no migration job with this id that you may see."""

    kind, code, title = "not_found", "job-not-found", "No such job"


class ConflictNotFound(Problem):
    """The job has no open conflict of this id: it was resolved, or the run has moved since."""

    kind, code, title = "not_found", "conflict-not-found", "No such conflict"


class ManifestNotFound(Problem):
    """The job has left no manifest yet: it is not over, or it only counted."""

    kind, code, title = "not_found", "manifest-not-found", "No manifest yet"


class PlanApproved(Problem):
    """The plan is approved, and what was approved never changes. Make another plan."""

    kind, code, title = "conflict", "plan-approved", "This plan is approved"


class JobState(Problem):
    """The job is in a state in which this cannot be done. `state` says which one."""

    kind, code, title = "conflict", "job-state", "Not in this state of the job"


class RunStays(Problem):
    """The run cannot move as it is. `errors` names each answer that holds it up, and what can be done about it."""

    kind, code, title = "conflict", "run-stays", "This run stays on its version"


class NothingToMoveBack(Problem):
    """The last thing that changed the version of this run was no move, or it was taken back already."""

    kind, code, title = "conflict", "nothing-to-move-back", "There is no move to take back"


class WizardNotFound(Problem):
    """There is no wizard with this id or slug that you may see."""

    kind, code, title = "not_found", "wizard-not-found", "No such wizard"


class TemplateNotFound(Problem):
    """There is no template of this name. The detail lists those that there are."""

    kind, code, title = "not_found", "template-not-found", "No such template"


class ReceiptNotFound(Problem):
    """The wizard has no import of this id. Its settings list its imports."""

    kind, code, title = "not_found", "receipt-not-found", "No such import"


class NodeNotFound(Problem):
    """There is no such step, option set or option in a draft that you may see. The detail says where it was last."""

    kind, code, title = "not_found", "node-not-found", "No such step, question or option"


class VersionNotFound(Problem):
    """The wizard has no version of this number."""

    kind, code, title = "not_found", "version-not-found", "No such version"


class RunNotFound(Problem):
    """There is no run with this id that you may see."""

    kind, code, title = "not_found", "run-not-found", "No such run"


class RevisionNotFound(Problem):
    """The run has no revision of this number."""

    kind, code, title = "not_found", "revision-not-found", "No such revision"


class FileNotFound(Problem):
    """The run has no file with this id, or its content is gone from the store."""

    kind, code, title = "not_found", "file-not-found", "No such file"


class FileDamaged(Problem):
    """What the store has under this file's digest is not what was uploaded. None of it is sent; `keepstep verify` names the run."""

    kind, code, title = "internal", "file-damaged", "This file is not what was uploaded"


class UserNotFound(Problem):
    """There is no user with this e-mail address or id."""

    kind, code, title = "not_found", "user-not-found", "No such user"


class TokenNotFound(Problem):
    """There is no token with this id that you may see."""

    kind, code, title = "not_found", "token-not-found", "No such token"


class RouteNotFound(Problem):
    """Nothing answers at this address. The API is described at /api/openapi.json."""

    kind, code, title = "not_found", "not-found", "Nothing here"


class MethodNotAllowed(Problem):
    """The address exists but does not answer to this method."""

    kind, code, title = "unsupported", "method-not-allowed", "This method is not allowed here"


class ImpactUnconfirmed(Problem):
    """The change touches stored answers. The report says exactly what; repeat the call with `?confirm=<token>` of that report."""

    kind, code, title = "conflict", "impact-unconfirmed", "This touches stored answers: confirm it"


class MeaningUnconfirmed(Problem):
    """A node with stored answers was relabelled. Say `meaning: same` (wording) or `meaning: different` (retire it and add a new one)."""

    kind, code, title = "conflict", "meaning-unconfirmed", "Is the meaning the same?"


class EditCollided(Problem):
    """Somebody changed the same place since the page was opened that this edit comes from. `edits` says who and what; nothing was done."""

    kind, code, title = "conflict", "edit-collided", "Somebody changed the same place meanwhile"


class OptionValueReserved(Problem):
    """An option of this set once had this value; stored answers may mean it. Restore that option, or choose another value."""

    kind, code, title = "conflict", "option-value-reserved", "This option value was used before"


class KeyReserved(Problem):
    """Another option set of this wizard has, or once had, this key; exports and clients may mean it. Choose another key."""

    kind, code, title = "conflict", "key-reserved", "This key belongs to another question"


class SlugTaken(Problem):
    """Another wizard has this slug. Choose another one."""

    kind, code, title = "conflict", "slug-taken", "This slug is in use"


class EmailTaken(Problem):
    """Another user has this e-mail address."""

    kind, code, title = "conflict", "email-taken", "This e-mail address is in use"


class LastAdmin(Problem):
    """Nobody else may administer, so this user stays an enabled admin. Make another admin first."""

    kind, code, title = "conflict", "last-admin", "Somebody has to be the admin"


class LastGrant(Problem):
    """Without any grant, the user's role would hold for every wizard: taking access away would give more of it.

    Disable the user, give another grant first, or say `everywhere=true` if every wizard is what you mean.
    """

    kind, code, title = "conflict", "last-grant", "This would give access to every wizard"


class IdConflict(Problem):
    """Something else is stored under the id that this request gives. Use a new id."""

    kind, code, title = "conflict", "id-conflict", "This id is in use for something else"


class NothingToPublish(Problem):
    """The draft (or the version to go back to) equals the active version."""

    kind, code, title = "conflict", "nothing-to-publish", "There is nothing to publish"


class NothingToUndo(Problem):
    """There is no edit of yours left to undo or redo. Another person's edit is undone by naming its revision."""

    kind, code, title = "conflict", "nothing-to-undo", "Nothing to undo or redo"


class UndoBlocked(Problem):
    """Later edits build on this one, so it cannot be undone alone. Undo those first, or change the place by hand."""

    kind, code, title = "conflict", "undo-blocked", "Later edits build on this one"


class NothingPublished(Problem):
    """The wizard has no active version yet, so no run can start. Publish it first."""

    kind, code, title = "conflict", "nothing-published", "This wizard has no version yet"


class RunInProgress(Problem):
    """Only a completed run is edited in the pages: whoever answers this one may be writing in it now. Wait until it is complete."""

    kind, code, title = "conflict", "run-in-progress", "The run is not completed yet"


class AlreadyCompleted(Problem):
    """The run is complete. Edit its answers, or restore one of its revisions."""

    kind, code, title = "conflict", "already-completed", "This run is already complete"


class StillReferenced(Problem):
    """Stored runs or files depend on this, so it stays. The detail says which."""

    kind, code, title = "conflict", "still-referenced", "Stored data depends on this"


class GuardRefused(Problem):
    """The database refused to change or delete something that is kept for ever: a published version or a stored revision."""

    kind, code, title = "conflict", "guard-refused", "This is kept for ever"


class WizardTrashed(Problem):
    """The wizard is in the trash: it takes no new runs and no edits. Restore it first."""

    kind, code, title = "gone", "wizard-trashed", "This wizard is in the trash"


class WizardRemoved(Problem):
    """The wizard was removed for good. Its versions and runs stay readable, exportable and editable by their ids."""

    kind, code, title = "gone", "wizard-removed", "This wizard was removed"


class RunTrashed(Problem):
    """The run is in the trash. Restore it first."""

    kind, code, title = "gone", "run-trashed", "This run is in the trash"


class RunErased(Problem):
    """The answers of this run were erased for good. What was erased, when and by whom stays on record."""

    kind, code, title = "gone", "run-erased", "This run was erased"


class SubjectNotFound(Problem):
    """Nothing is stored under exactly this name: no run, in the trash or out of it, and no invitation. Spelling and case count."""

    kind, code, title = "not_found", "subject-not-found", "Nothing is stored of this respondent"


class InvitationNotFound(Problem):
    """The wizard has no invitation of this id."""

    kind, code, title = "not_found", "invitation-not-found", "No such invitation"


class LinkOver(Problem):
    """The link to set a password was used, replaced by a newer one, or is too old. An admin makes a new one on the page of the user."""

    kind, code, title = "gone", "link-over", "This link is of no use any more"


class Stale(Problem):
    """Someone changed this since you read it. `changed` says what and by whom; read it again and repeat."""

    kind, code, title = "stale", "stale", "This changed since you read it"


class PreconditionRequired(Problem):
    """This write needs an `If-Match` header with the ETag that GET gave, so that nobody's work is overwritten."""

    kind, code, title = "precondition_required", "precondition-required", "Say which state you saw"


class Busy(Problem):
    """The database is busy with a conflicting change. Nothing was stored; try again in a moment."""

    kind, code, title = "unavailable", "busy", "Busy: try again"


class DatabaseUnavailable(Problem):
    """The database cannot be reached or started. The detail says what to check."""

    kind, code, title = "unavailable", "database-unavailable", "The database is not available"


class FileStoreUnavailable(Problem):
    """The store of uploaded files cannot be reached or written to. The detail holds what it answered, in a word."""

    kind, code, title = "unavailable", "file-store-unavailable", "The file store is not available"


class ProviderUnavailable(Problem):
    """The provider that signs people in could not be reached, or did not answer as its standard says. The log holds the reason."""

    kind, code, title = "unavailable", "provider-unavailable", "The sign-in provider does not answer"


class TooLarge(Problem):
    """The request or the file is larger than this server accepts. The detail names the limit."""

    kind, code, title = "too_large", "too-large", "Too large"


class Unsupported(Problem):
    """The format, media type or feature is not supported by this release."""

    kind, code, title = "unsupported", "unsupported", "Not supported"


class IntegrityBroken(Problem):
    """`keepstep verify` found stored data that does not match its digest or chain. The report names every place."""

    kind, code, title = "internal", "integrity-broken", "Stored data does not match its digests"


class Unexpected(Problem):
    """Keepstep failed in a way that it should not. Nothing was stored; the log holds the reason under the given id."""

    kind, code, title = "internal", "unexpected", "Something went wrong on our side"


def catalogue() -> tuple[type[Problem], ...]:
    """Every declared problem, in the order of this file: what docs/problems.md and the house tests list."""
    return tuple(Problem.__subclasses__())
