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


class SubjectMention(BaseModel):
    """A run under another name, or under none, that holds the name as an answer to these option sets (or imported columns).

    It goes only where the request names it in `runs`; `chosen` says that this one does, and then it is among the list's `runs`, too.
    """

    id: str
    wizard_id: str
    trashed: bool
    option_sets: list[str]
    chosen: bool


class SubjectListed(BaseModel):
    """What would be erased, without an answer or a name. `confirm` is the token of exactly this list."""

    wizards: list[SubjectWizard]
    runs: list[SubjectRun]
    mentions: list[SubjectMention]
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
