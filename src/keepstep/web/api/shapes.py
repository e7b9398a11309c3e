"""The forms of answers, for the description of the API alone: what clients are generated from, and what fuzzing checks against.

No route builds, validates or writes its answer with these, so they cost nothing; tests/web/test_openapi.py holds real answers to them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

# A member that some answers lack. A factory, because a default would be shown as if the member had that value when it is missing.
_MAY: Final[Any] = Field(default_factory=dict)
Text = str | dict[str, str]
Status = Literal["in_progress", "completed", "abandoned"]
Class = Literal["safe", "convertible", "lossy", "blocking"]


class Open(BaseModel):
    """What may have further members."""

    model_config = ConfigDict(extra="allow")


class Issue(BaseModel):
    """A finding about data. `pointer` is a JSON pointer into the value that was sent."""

    pointer: str
    code: str
    detail: str


# --- wizards and their structure -----------------------------------------------------------------------------------


class StructureOption(Open):
    """An option; docs/structure.schema.json has every member."""

    value: str
    label: Text


class StructureOptionSet(Open):
    """An option set; docs/structure.schema.json has every member, by selection type."""

    id: str
    key: str
    name: Text
    selection_type: str
    options: list[StructureOption] = _MAY


class StructureStep(Open):
    """A step; docs/structure.schema.json has every member."""

    id: str
    key: str
    name: Text
    option_sets: list[StructureOptionSet] = _MAY


class WizardStructure(Open):
    """A structure; docs/structure.schema.json has every member. Members at their default are left out."""

    name: Text
    languages: list[str] = _MAY
    default_language: str = _MAY
    steps: list[StructureStep] = _MAY


class RunNumbers(BaseModel):
    """How many runs, by status; those in the trash apart."""

    completed: int
    in_progress: int
    abandoned: int
    trashed: int


class Person(BaseModel):
    """Who did something."""

    id: str
    name: str | None


class WizardLine(BaseModel):
    """A wizard without its draft and its runs."""

    id: str
    slug: str | None
    name: str
    draft_revision: int
    active_version_number: int | None
    active_version_id: str | None
    created_at: datetime
    created_by: Person | None
    updated_at: datetime
    trashed_at: datetime | None
    removed_at: datetime | None


class WizardAnswer(WizardLine):
    """A wizard with its settings and the number of its runs. A removed one has no settings."""

    settings: dict[str, Any] | None
    runs: RunNumbers


class WizardPage(BaseModel):
    """`next` is the cursor of the next page, null on the last one."""

    items: list[WizardLine]
    next: str | None


class DueRuns(BaseModel):
    """Runs of one version that are due, by state."""

    version_number: int
    by_status: dict[str, int]


class RetentionReport(BaseModel):
    """The runs that are due by a retention rule now, and the token by which it is switched on; `retention` null: the rule is off."""

    retention: dict[str, Any] | None
    runs: int
    by_version: list[DueRuns]
    confirm: str


# --- what changes mean for what is stored --------------------------------------------------------------------------


class ValueConflict(BaseModel):
    """Why a stored value does not convert."""

    code: str
    detail: str


class DistinctValue(BaseModel):
    """A stored value, how many answers hold it, and, where the type changes, what it becomes or why a person has to decide."""

    value: Any
    count: int
    other: str = _MAY
    becomes: Any = _MAY
    conflict: ValueConflict = _MAY


class RunsByStatus(BaseModel):
    """How many runs, by status, those in the trash left out."""

    completed: int
    in_progress: int
    abandoned: int


class RunsOfVersion(BaseModel):
    """How many runs of one version."""

    version_number: int
    runs: int


class AnswersOf(BaseModel):
    """How many answers of one option set; of several that are touched together, which."""

    option_set_id: str
    answers: int
    distinct_values: list[DistinctValue] = _MAY
    more_distinct_values: int = _MAY


class WhereMentioned(BaseModel):
    """Where else in the structure the changed thing is used."""

    kind: str
    where: str


class ImpactAnswer(BaseModel):
    """What is touched. `at_most`: the numbers are upper bounds."""

    runs: RunsByStatus
    trashed: int
    answers: int
    distinct_values: list[DistinctValue]
    more_distinct_values: int
    by_version: list[RunsOfVersion]
    by_option_set: list[AnswersOf]
    oldest: datetime | None
    newest: datetime | None
    mentions: list[WhereMentioned]
    at_most: bool
    as_of: datetime


class ConversionAnswer(BaseModel):
    """How stored answers become answers of another type, and how many do. `needs`: alternatives of parameters; `tried`: whether those
    that were tried take part. Versions of before this was counted do not say it.
    """

    rule: str | None
    kind: str
    needs: list[list[str]]
    tried: bool = False
    converted: int
    conflicts: int


class ChangeAnswer(BaseModel):
    """One change: its class in the catalogue, the class that it has here, and what it touches."""

    id: str
    kind: str
    code: str
    class_: Class = Field(alias="class")
    effective_class: Class
    concerns: list[str]
    path: str
    old: Any
    new: Any
    summary: str
    meaning: str
    impact: ImpactAnswer
    conversion: ConversionAnswer = _MAY


class ReportAnswer(BaseModel):
    """Changes, and what they touch together. `confirm` is the token that the change itself takes."""

    changes: list[ChangeAnswer]
    impact: ImpactAnswer
    confirm: str


class UnsentRuns(BaseModel):
    """Runs of one version by status."""

    version_number: int
    completed: int
    in_progress: int
    abandoned: int
    trashed: int


class InProgress(BaseModel):
    """What becomes of runs in progress. `runs`: the versions that have some. The rest is of `offer` and `migrate`: the plan, every fault of
    it, and, without faults, the runs by what it makes of them; those that it does not move finish where they are.
    """

    policy: Literal["finish", "offer", "migrate"]
    runs: list[UnsentRuns]
    plan_digest: str = _MAY
    faults: list[Issue] = _MAY
    mapping: list[dict[str, Any]] = _MAY
    on_conflict: str = _MAY
    groups: list[dict[str, Any]] | None = _MAY
    moves: int = _MAY


class PublishReport(ReportAnswer):
    """What a publish touches, with what becomes of runs in progress."""

    in_progress: InProgress


class DraftProblem(Issue):
    """A finding about the draft."""

    severity: str
    node_id: str | None


class Suggestion(BaseModel):
    """What was removed and added and may be the same thing to a person; nothing is matched by it."""

    reason: Literal["same-key", "same-label-and-type", "similar-options", "labels-swapped", "code-used-again"]
    option_set_id: str
    old: str
    new: str


class DraftChanges(ReportAnswer):
    """The draft against the active version."""

    problems: list[DraftProblem]
    suggestions: list[Suggestion]
    revision: int
    active_version_number: int | None


class VersionDiff(BaseModel):
    """How two versions differ."""

    from_: int = Field(alias="from")
    to: int
    changes: list[ChangeAnswer]
    impact: ImpactAnswer


# --- versions ------------------------------------------------------------------------------------------------------


class VersionLine(BaseModel):
    """A version without its structure."""

    id: str
    wizard_id: str
    version_number: int
    is_active: bool
    created_at: datetime
    created_by: Person | None
    change_summary: str | None
    based_on: int | None
    rolled_back_to: int | None
    in_progress_policy: str
    digest: str
    runs: RunNumbers


class VersionAnswer(VersionLine):
    """A version with its structure, and its changes as they were counted when it was published, without any answer."""

    structure: WizardStructure
    changes: list[dict[str, Any]]


class VersionPage(BaseModel):
    """`next` is the cursor of the next page, null on the last one."""

    items: list[VersionLine]
    next: str | None


class PublishedVersion(VersionAnswer):
    """The version that was made, what it touched, and the draft after it."""

    impact: ImpactAnswer
    draft_kept: bool
    draft_revision: int
    in_progress: InProgress
    job_id: str | None = Field(description="The job that moves runs in progress, of `migrate`.")


# --- drafts --------------------------------------------------------------------------------------------------------


class ShelvedNode(BaseModel):
    """A deleted node. `parents`: what it lay in, outermost first."""

    kind: Literal["step", "option_set", "option"]
    id: str
    parents: list[str] = _MAY
    position: int
    name: str
    node: dict[str, Any]


class NamedEdit(BaseModel):
    """An edit by the revision that it made."""

    revision: int
    name: str


class DraftAnswer(BaseModel):
    """The draft. `edit` is the name of the edit, when there was one."""

    wizard_id: str
    revision: int
    structure: WizardStructure
    shelf: list[ShelvedNode]
    undo: NamedEdit | None
    redo: NamedEdit | None
    edit: str | None = _MAY


class EditedNode(Open):
    """A node as it is after the edit, with its members; `deleted` instead of them when it is gone. `replaces`: what it stands for now."""

    wizard_id: str
    draft_revision: int
    edit: str | None
    deleted: bool = _MAY
    replaces: str = _MAY
    impact: ImpactAnswer = _MAY


class EditedStep(EditedNode):
    """A step after an edit."""

    id: str
    key: str = _MAY
    name: Text = _MAY
    option_sets: list[StructureOptionSet] = _MAY


class EditedOptionSet(EditedNode):
    """An option set after an edit."""

    id: str
    step_id: str = _MAY
    key: str = _MAY
    name: Text = _MAY
    selection_type: str = _MAY
    options: list[StructureOption] = _MAY


class EditedOption(EditedNode):
    """An option after an edit."""

    option_set_id: str
    value: str
    label: Text = _MAY


# --- runs ----------------------------------------------------------------------------------------------------------


class WizardOfRun(BaseModel):
    """The wizard of a run. `removed`: it is gone for good, and the run stays."""

    id: str
    slug: str | None
    name: str
    removed: bool = _MAY


class VersionOfRun(BaseModel):
    """The run's own version, and the one that new runs start on."""

    id: str
    version_number: int
    is_current: bool
    active_version_number: int | None


class RunSummary(BaseModel):
    """A run without its answers."""

    id: str
    wizard: WizardOfRun
    status: Status
    revision: int
    save_number: int
    version: VersionOfRun
    language: str
    respondent: str | None
    started_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    trashed_at: datetime | None
    erased_at: datetime | None
    evaluated_at: datetime
    zone: str
    cause: str | None
    digest: str | None


class WrittenRun(RunSummary):
    """A run after a write. `issues`: what does not hold yet."""

    issues: list[Issue]


class Answered(BaseModel):
    """An answer: the value, and the text beside "other"."""

    value: Any = _MAY
    other: str | None = _MAY


class Flag(Open):
    """Why an answer deserves a look."""

    code: str
    detail: str = _MAY


class Reason(BaseModel):
    """Why a question was not asked. `by`: the option sets that it depends on."""

    kind: str
    by: list[str]


class NodeSnapshot(BaseModel):
    """A step in the words of the run's version."""

    id: str
    key: str
    name: Text


class Conflict(BaseModel):
    """Why no rule converts an answer."""

    code: str
    detail: str


class Original(BaseModel):
    """An answer before it was converted."""

    response_value: Answered | None
    display: str


class Response(BaseModel):
    """One question of the version with what was answered."""

    step_id: str
    option_set_id: str
    key: str
    label: str
    state: Literal["answered", "empty", "not_asked", "erased", "archived", "not_in_version", "conflict"]
    asked: bool
    reason: Reason = _MAY
    response_value: Answered | None
    display: str
    source: str | None
    flags: list[Flag]
    step_snapshot: NodeSnapshot
    option_set_snapshot: StructureOptionSet
    rule: Any = _MAY
    params: dict[str, Any] = _MAY
    conflict: Conflict = _MAY
    original: Original = _MAY


class ArchivedAnswer(BaseModel):
    """What the run keeps without a place in its version."""

    name: str
    state: Literal["archived", "erased"]
    response_value: Answered | None
    source: str | None = _MAY
    flags: list[Flag] = _MAY
    conflict: Conflict = _MAY


class Through(BaseModel):
    """The version that the run is seen through, and by which approved `plans` it comes there: one, several one behind the other, or none,
    which is `direct`: ids and the rules that need no parameter. `direct_differs`: whether that way would show other answers.
    """

    version_number: int
    via: Literal["direct", "plan", "plans"]
    plans: list[str]
    direct_differs: bool


class RunAnswer(RunSummary):
    """A run with every question of its version, or of the one that it is seen `through`."""

    through: Through = _MAY
    responses: list[Response]
    archive: list[ArchivedAnswer]


class RunLine(RunSummary):
    """A run with its answers by key."""

    answers: dict[str, Answered]


class RunPage(BaseModel):
    """`next` is the cursor of the next page, null on the last one."""

    items: list[RunLine]
    next: str | None


class RevisionLine(BaseModel):
    """One stored state of a run."""

    revision: int
    version_number: int
    status: Status
    cause: str
    actor: str | None
    at: datetime
    digest: str
    erased: bool


class RevisionPage(BaseModel):
    """A run's history, oldest first."""

    items: list[RevisionLine]
    next: str | None


class ErasedName(BaseModel):
    """An answer by the name and the label of its question."""

    name: str
    label: str


class ErasureAnswer(BaseModel):
    """What is erased, or would be; it holds no answer. `number` is the tombstone's."""

    run_id: str
    erased: bool
    number: int | None
    option_sets: list[ErasedName]
    revisions: list[int]
    answers: int
    saved: int
    files: int


class FileAnswer(BaseModel):
    """An uploaded file, as an answer holds it. `size` in bytes, `sha256` in hex."""

    file_id: str
    name: str
    size: int
    media_type: str
    sha256: str


# --- accounts ------------------------------------------------------------------------------------------------------


class Myself(BaseModel):
    """Who the token speaks for. `grants`: the role by wizard id."""

    id: str
    name: str
    role: str
    scopes: list[str]
    grants: dict[str, str]


class UserAnswer(BaseModel):
    """A user without the password."""

    id: str
    email: str
    name: str
    role: str
    created_at: datetime
    disabled_at: datetime | None


class UserPage(BaseModel):
    """`next` is the cursor of the next page, null on the last one."""

    items: list[UserAnswer]
    next: str | None


class TokenAnswer(BaseModel):
    """A token without its secret."""

    id: str
    user_id: str
    name: str
    scopes: list[str]
    created_at: datetime
    created_by: Person | None
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewTokenAnswer(TokenAnswer):
    """A new token with its secret, which is shown this once."""

    token: str


class TokenPage(BaseModel):
    """`next` is the cursor of the next page, null on the last one."""

    items: list[TokenAnswer]
    next: str | None


class GrantAnswer(BaseModel):
    """The role of a user on one wizard."""

    user_id: str
    wizard_id: str
    wizard_name: str | None
    role: str
    granted_at: datetime
    granted_by: str | None


class GrantPage(BaseModel):
    """`next` is the cursor of the next page, null on the last one."""

    items: list[GrantAnswer]
    next: str | None


class AuditEventAnswer(BaseModel):
    """One entry of the record; `actor` is null for the system."""

    id: str
    at: datetime
    actor: str | None
    actor_name: str | None
    channel: str
    action: str
    subject_kind: str
    subject_id: str | None
    wizard_id: str | None
    run_id: str | None
    details: Any


class AuditPage(BaseModel):
    """`next` is the cursor of the next page, null on the last one."""

    items: list[AuditEventAnswer]
    next: str | None


# --- integrity -----------------------------------------------------------------------------------------------------


class FindingAnswer(BaseModel):
    """Something that is not as it was stored, and where."""

    code: str
    wizard_id: str | None
    version_number: int | None
    run_id: str | None
    revision: int | None
    detail: str


class CodebookColumn(Open):
    """A column of an export: its name, and what it holds."""

    name: str


class CodebookOptionSet(Open):
    """An option set over all versions: keys, types, labels, units, options and columns; docs/api.md tells them."""

    id: str
    key: str


class CodebookWizard(BaseModel):
    id: str
    slug: str | None
    name: str | None


class CodebookAnswer(BaseModel):
    """What each column of an export means, over all versions."""

    wizard: CodebookWizard
    versions: list[int]
    columns: list[CodebookColumn]
    option_sets: list[CodebookOptionSet]


class VerifyAnswer(BaseModel):
    """What was looked at, and what was found. `next`: where to go on, null when everything was looked at.

    `files` that answers name are compared with what is known of them. `contents` and `left_over` are null: the bytes of
    uploads are read by `keepstep verify` alone.
    """

    intact: bool
    versions: int
    runs: int
    revisions: int
    erased: int
    files: int
    contents: int | None
    content_bytes: int
    left_over: int | None
    altered: int
    next: str | None
    findings: list[FindingAnswer]


# --- how a route names them ----------------------------------------------------------------------------------------

# `answer[<key>]=<value>` is what OpenAPI calls a deep object.
ANSWER_PARAMETER: Final[Mapping[str, Any]] = {
    "name": "answer",
    "in": "query",
    "required": False,
    "style": "deepObject",
    "explode": True,
    "description": "`answer[<key or id>]=<value>`: runs with that answer. May stand several times; all must hold.",
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
}


def answers(form: Any, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers this form with these statuses, 200 when none is named. Documentation alone."""
    return {status: {"model": form} for status in statuses or (200,)}
