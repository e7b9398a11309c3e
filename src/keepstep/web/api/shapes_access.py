"""The forms of answers about access and invitations, for the description of the API alone (see `shapes`)."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class InvitationNumbers(BaseModel):
    """Invitations by status; `without_link`: of those that are not used, how many never had a link."""

    total: int
    not_used: int
    started: int
    completed: int
    revoked: int
    without_link: int


class AccessAnswer(BaseModel):
    """Who may begin the wizard in public, and how it stands now."""

    mode: Literal["open", "link", "signed_in", "invitation"]
    opens_at: datetime | None
    closes_at: datetime | None
    finish_within: int | None = Field(description="Minutes after closing in which begun runs may be finished; null: without end.")
    finishes_at: datetime | None
    max_runs: int | None
    starts_per_hour: int | None
    trap: bool
    proof_of_work: bool
    embed_on: list[str]
    state: Literal["open", "not_yet_open", "closed", "full", "unpublished", "trashed"]
    runs: int = Field(description="Those that count for `max_runs`: in progress or completed, and not in the trash.")
    link: str | None = Field(description="Null for whoever may not edit the wizard: it may hold the secret.")
    invitations: InvitationNumbers


class InvitationAnswer(BaseModel):
    """One invitation; `linked_at`: when its present link was made."""

    id: str
    respondent: str
    note: str
    status: Literal["not_used", "started", "completed", "revoked"]
    created_at: datetime
    linked_at: datetime | None
    used_at: datetime | None
    completed_at: datetime | None
    revoked_at: datetime | None
    run_id: str | None


class InvitationPage(BaseModel):
    """`next` is the cursor of the next page, null on the last one."""

    items: list[InvitationAnswer]
    next: str | None


class BadInvitation(BaseModel):
    """A line that invites nobody. `line`: of the file, or the place in the list, from 1."""

    line: int
    code: str
    detail: str


class InvitationsAdded(BaseModel):
    """What became of a list. `ignored`: the headings of columns that were passed over."""

    added: int
    bad: list[BadInvitation]
    ignored: list[str]


class InvitationLink(BaseModel):
    """A new link, in this answer alone."""

    id: str
    respondent: str
    note: str
    link: str


class InvitationLinks(BaseModel):
    """The links that were made now, the oldest invitation first."""

    items: list[InvitationLink]


class InvitationsRevoked(BaseModel):
    """How many let nobody begin any more."""

    revoked: int


class InvitationsDeleted(BaseModel):
    """How many are gone."""

    deleted: int
