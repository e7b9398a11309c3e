"""The files of one's own run, for whoever holds its token: what was sent can be looked at again, before sending and after it."""

from typing import Annotated

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from keepstep.core.structure import ID_PATTERN
from keepstep.db.transaction import open_read
from keepstep.errors import FileNotFound
from keepstep.queries.files import file_of_run, named_files
from keepstep.queries.passages import Passage
from keepstep.web.api.files import as_attachment
from keepstep.web.pages.route import page_router
from keepstep.web.player.respondent import opened
from keepstep.web.player.route import PlayerRoute

router = page_router(route_class=PlayerRoute)


@router.get("/w/{ref}/{run_id}/file/{file_id}", name="page:player-file")
async def own_file(request: Request, run_id: str, file_id: Annotated[str, Path(pattern=ID_PATTERN)]) -> Response:
    """The bytes under the rules of the API: an attachment that no browser shows as a page, compared with its digest first."""
    resources = request.app.state.resources
    async with open_read(resources.engine) as tx:
        passage, _ = await opened(request, tx, run_id)
        _require_own(passage, file_id)
        answer = await as_attachment(resources.blobs, passage.state, await file_of_run(tx, run_id, file_id))
    # In a frame the address holds the token, and the device may be somebody else's tomorrow.
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _require_own(passage: Passage, file_id: str) -> None:
    """Raises FileNotFound for what stands in no answer that its respondent sees: a hidden question may hold files of somebody else."""
    by_id = passage.state.version.structure.option_set_by_id
    seen = {each: envelope for each, envelope in passage.state.answers.items() if not by_id[each].hidden}
    if file_id not in {named["file_id"] for named in named_files(seen)}:
        raise FileNotFound("This run has no such file.")
