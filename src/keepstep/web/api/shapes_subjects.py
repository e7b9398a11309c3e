"""The forms of answers about one respondent, for the description of the API alone (see `shapes`)."""

from pydantic import BaseModel, Field


class SubjectWizard(BaseModel):
    """How much one wizard holds of the respondent; `trashed` of the runs lie in the trash. `slug` is null once it was removed."""

    id: str
    slug: str | None
    name: str
    runs: int
    trashed: int
    files: int
    invitations: int


class SubjectRun(BaseModel):
    """A run that would go."""

    id: str
    wizard_id: str
    trashed: bool


class SubjectListed(BaseModel):
    """What would be erased, without an answer or a name. `confirm` is the token of exactly this list."""

    wizards: list[SubjectWizard]
    runs: list[SubjectRun]
    files: int
    invitations: int
    at_once: int = Field(description="So many runs are erased by one request.")
    confirm: str


class SubjectTombstone(BaseModel):
    """A run that was erased, and the number of its tombstone."""

    id: str
    number: int


class SubjectErased(BaseModel):
    """What was erased. `left`: runs for another request; invitations go with the last of them."""

    runs: list[SubjectTombstone]
    answers: int
    files: int
    invitations: int
    left: int
