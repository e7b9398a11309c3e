"""The forms of answers about plans and jobs, for the description of the API alone (see `shapes`)."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from keepstep.web.api.shapes import Issue, Open

Outcome = str


class VersionNamed(BaseModel):
    """A version by its id and number."""

    id: str
    version_number: int


class QuestionNamed(BaseModel):
    """An option set."""

    option_set_id: str
    key: str
    label: str
    selection_type: str


class ConversionNamed(BaseModel):
    """By which rule answers are converted. `needs` lists alternatives, of which one must be given whole."""

    kind: str
    rule: str
    needs: list[list[str]]
    accepts: list[str]
    suggestions: dict[str, Any]


class MappingLine(QuestionNamed):
    """Where the answers to one question of one source version go."""

    version_number: int
    route: dict[str, Any] | None
    target: QuestionNamed | None
    conversion: ConversionNamed | None


class NewQuestion(QuestionNamed):
    """A question of the target that no question of some source leads to."""

    is_required: bool
    has_default: bool
    fill: dict[str, Any] | None


class PreviewNamed(BaseModel):
    """The newest preview; `is_current`: of the plan as it is now."""

    job_id: str
    state: str
    is_current: bool


class PlanAnswer(BaseModel):
    """A plan. With any of `faults` it cannot be previewed."""

    id: str
    wizard_id: str
    state: Literal["draft", "previewed", "approved"]
    revision: int
    sources: list[VersionNamed]
    target: VersionNamed
    mapping: list[MappingLine]
    new_questions: list[NewQuestion]
    merges: dict[str, Any]
    policy: dict[str, str]
    rule_set: dict[str, int]
    faults: list[Issue]
    preview: PreviewNamed | None
    digest: str
    created_at: datetime
    created_by: str | None
    updated_at: datetime
    approved_at: datetime | None
    approved_by: str | None


class PlanLine(BaseModel):
    """A plan in a list."""

    id: str
    wizard_id: str
    state: str
    revision: int
    sources: list[VersionNamed]
    target: VersionNamed
    digest: str
    created_at: datetime
    created_by: str | None
    updated_at: datetime
    approved_at: datetime | None
    approved_by: str | None


class PlanPage(BaseModel):
    """The newest first."""

    items: list[PlanLine]
    next: str | None


class Group(BaseModel):
    """Runs of one outcome, and how many of them move."""

    outcome: Outcome
    runs: int
    moves: int


class GroupReason(BaseModel):
    """So many runs have this reason."""

    version_number: int
    option_set_id: str | None
    key: str | None
    label: str | None
    outcome: Outcome
    code: str
    runs: int


class ReasonAnswer(BaseModel):
    """Why an answer of a run does not simply carry."""

    option_set_id: str
    outcome: Outcome
    code: str
    detail: str


class SideAnswer(BaseModel):
    """An answer on one side of a move."""

    option_set_id: str
    key: str
    label: str
    response_value: dict[str, Any] | None
    display: str


class SideBySide(BaseModel):
    """One question before and after. `fate`: carried, converted, mapped, archived, conflicted, unanswered, stays or new."""

    before: SideAnswer | None
    after: SideAnswer | None
    fate: str
    reasons: list[ReasonAnswer]


class SampleAnswer(BaseModel):
    """A run side by side, as it is now; `as_counted` false: it was changed since the preview."""

    run_id: str
    version_number: int
    revision: int
    status: str
    outcome: Outcome
    as_counted: bool
    moves: bool
    answers: list[SideBySide]


class FailingValue(BaseModel):
    """A stored value that does not convert."""

    value: Any
    other: str | None
    count: int
    code: str
    detail: str


class FailingValues(BaseModel):
    """Of one question of one version; `more_values`: how many others there are."""

    version_number: int
    option_set_id: str
    key: str
    label: str
    selection_type: str
    target_type: str | None
    values: list[FailingValue]
    more_values: int


class OutcomesOf(BaseModel):
    """Runs of one version by outcome."""

    version_number: int
    outcomes: dict[str, int]


class PreviewAnswer(BaseModel):
    """What a plan would do to every run of its scope. `confirm` null: the plan was changed since; preview it again."""

    job_id: str
    state: str
    as_of: datetime
    runs: int
    moves: int
    groups: list[Group]
    by_version: list[OutcomesOf]
    reasons: list[GroupReason]
    samples: list[SampleAnswer]
    failing_values: list[FailingValues]
    confirm: str | None


class DecidedRuns(BaseModel):
    """Runs that a job left to people: moved by their decisions, or left where they are."""

    moved: int
    stayed: int


class ProgressAnswer(BaseModel):
    """How far a job is. `moved`: by the job itself; `open`: runs that wait for a person now."""

    runs: int
    total: int | None
    moved: int
    open: int
    decided: DecidedRuns
    groups: list[Group]
    pieces: int
    working: int
    runs_per_second: int
    seconds_left: int | None


class UndoNamed(BaseModel):
    """The job that takes one back."""

    job_id: str
    state: str


class JobAnswer(BaseModel):
    """A job. `reason`: why it stopped by itself."""

    id: str
    plan_id: str
    wizard_id: str
    kind: Literal["preview", "apply", "undo"]
    state: str
    reason: str | None
    undoes: str | None
    preview_id: str | None
    continues: str | None
    frozen_at: datetime
    created_at: datetime
    created_by: str | None
    started_at: datetime | None
    finished_at: datetime | None
    canary: str
    scope: dict[str, Any]
    expected: dict[str, int]
    undo: UndoNamed | None
    progress: ProgressAnswer


class JobPage(BaseModel):
    """The newest first, previews and single runs left out."""

    items: list[JobAnswer]
    next: str | None


class PlaceNamed(BaseModel):
    """The target's question that a value would answer."""

    option_set_id: str
    key: str
    selection_type: str


class ConflictAnswer(BaseModel):
    """What waits for a person. `chosen`: what was said of it already, while other questions of the run are open."""

    id: str
    run_id: str
    version_number: int
    revision: int
    option_set_id: str
    key: str | None
    label: str | None
    outcome: Outcome
    code: str
    detail: str
    response_value: dict[str, Any] | None
    display: str
    target: PlaceNamed | None
    moved: bool
    chosen: str | None
    choices: list[str]


class ConflictPage(BaseModel):
    """In the order of runs."""

    items: list[ConflictAnswer]
    next: str | None


class ResolvedAnswer(BaseModel):
    """How the run is now, and what still waits."""

    run_id: str
    version_number: int
    revision: int
    moved: bool
    open_in_run: int
    open_in_job: int


class ManifestAnswer(Open):
    """The proof of a job: roots over (run, revision, digest) before and after, chained to the job before it in its wizard."""

    job_id: str
    plan_digest: str
    counts: dict[str, int]
    before: str
    after: str
    number: int
    at: datetime
    digest: str
    previous_digest: str | None


class MoveReportAnswer(BaseModel):
    """What moving one run would do; nothing was stored."""

    run_id: str
    outcome: str | None
    moves: bool
    reasons: list[ReasonAnswer]
    answers: list[SideBySide]
    faults: list[Issue]
    confirm: str | None
    from_version: int
    to_version: int
