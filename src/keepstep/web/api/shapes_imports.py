"""The forms of the receipts of imports, for the description of the API alone (see `shapes`)."""

from typing import Any, Final

from pydantic import BaseModel, Field

from keepstep.web.api.shapes import CodebookWizard, ReportAnswer

# A member that some receipts lack.
_MAY: Final[Any] = Field(default_factory=dict)


class PlaceInFile(BaseModel):
    """Where in the file; only the members that are known."""

    sheet: str = _MAY
    row: int = _MAY
    name: str = _MAY
    column: str = _MAY


class ReceiptLine(BaseModel):
    """One finding. `cells`: how many non-empty cells it accounts for."""

    place: PlaceInFile
    code: str
    detail: str
    cells: int


class FormTotals(BaseModel):
    """Cells by what became of them; how many questions and suggestions there are."""

    kept: int
    approximated: int
    not_supported: int
    questions: int
    suggestions: int


class FormReceipt(BaseModel):
    """Every non-empty cell of the form; `kept` counts by place. `ids`: foreign id to id here. At most 2,000 lines of a kind."""

    totals: FormTotals
    kept: dict[str, int]
    approximated: list[ReceiptLine]
    not_supported: list[ReceiptLine]
    questions: list[ReceiptLine]
    suggestions: list[ReceiptLine]
    ids: dict[str, str] = _MAY


class ImportedInto(BaseModel):
    """The wizard that was made or edited."""

    id: str
    slug: str | None
    name: str
    draft_revision: int
    active_version_number: int | None


class WizardImport(BaseModel):
    """`edit`: the name of the edit, null for a new wizard or when nothing changed. `unconfirmed`: publishing waits for its token.

    `import_id` names the receipt, which is kept with the wizard.
    """

    wizard: ImportedInto
    created: bool
    import_id: str
    edit: str | None
    version_number: int | None
    unconfirmed: ReportAnswer | None
    receipt: FormReceipt


class RunsShare(BaseModel):
    """What became of the runs of the file."""

    in_file: int
    added: int
    already_there: int
    cells_added: int
    cells_already_there: int
    stored_otherwise: int
    stored_otherwise_ids: list[str]
    erased: int
    by_status: dict[str, int]
    by_version: dict[str, int]


class FlaggedQuestion(BaseModel):
    """A question with flagged answers. `find`: by code, the address of the runs."""

    option_set_id: str
    key: str
    label: str
    flags: dict[str, int]
    find: dict[str, str]


class ArchivedColumn(BaseModel):
    """A column that is no question here. `find`: the address of the runs whose archive has it."""

    name: str
    cells: int
    find: str


class RunsTotals(BaseModel):
    """Runs and cells of the file, and cells by their fate."""

    runs: int
    cells: int
    blanks: int
    answers: int
    flagged: int
    metadata: int
    archived: int
    already_there: int


class ColumnShare(BaseModel):
    """One column: what it was taken for, and its cells by their fate."""

    name: str
    role: str
    option_set_id: str | None
    cells: int
    answers: int
    flagged: int
    metadata: int
    archived: int
    already_there: int


class RunsImport(BaseModel):
    """The account of every non-empty cell of a table of runs, or of every answer of JSON Lines."""

    wizard: CodebookWizard
    version_number: int
    runs: RunsShare
    flags: dict[str, int]
    questions: list[FlaggedQuestion]
    archived: list[ArchivedColumn]
    totals: RunsTotals
    columns: list[ColumnShare]
    lines: list[ReceiptLine]
