"""Versions over HTTP: publish, roll back, list, read, compare, and the schema of a version's answers (docs/api.md)."""

from typing import Annotated, Any, Final, Literal

import jsonpatch
from fastapi import Header, Path, Query
from pydantic import Field

from keepstep.actions.confirm import Consent, counted_report
from keepstep.actions.publishing import (
    Published,
    Publishing,
    publish_draft,
    report_of_publish,
    report_of_rollback,
    roll_back,
)
from keepstep.core import jsonvalue
from keepstep.core.answers_schema import answers_schema
from keepstep.core.jsonvalue import unstorable_text
from keepstep.core.plan_changes import Said
from keepstep.core.structure import dump
from keepstep.errors import RequestInvalid
from keepstep.queries.history import VersionLine, get_version_line, list_versions
from keepstep.queries.versions import Version, version_by_number
from keepstep.queries.wizards import get_wizard
from keepstep.web.api import shapes
from keepstep.web.api.plans import PlanWords
from keepstep.web.api.wizards import Confirm, DryRun, WizardRef
from keepstep.web.deps import CurrentContext, ReadTx, ResourcesDep, WriteTx
from keepstep.web.etags import Seen, tag_header
from keepstep.web.exactjson import ExactJson, RequestBody, api_router, with_headers
from keepstep.web.lists import DEFAULT_LIMIT, Cursor, Limit, Listing

router = api_router("Versions")

Number = Annotated[int, Path(ge=1, lt=2**31, description="The version's number, from 1.")]
ChosenNumber = Annotated[int, Field(ge=1, lt=2**31)]
JSON_PATCH: Final = "application/json-patch+json"


class Publish(RequestBody):
    """How to publish. `confirm` may stand here or in the query."""

    change_summary: Annotated[str, Field(max_length=5_000)] | None = None
    in_progress: Literal["finish", "offer", "migrate"] = Field(
        "finish",
        description="Runs in progress on older versions: finish there; are offered the new version when their respondent comes back; "
        "or are moved to it by a job.",
    )
    plan: PlanWords | None = Field(None, description="Of `offer` and `migrate`: what completes the plan that ids make.")
    confirm: Annotated[str, Field(max_length=20_000)] | None = None


class Rollback(Publish):
    """Which version's structure to publish again."""

    version_number: ChosenNumber


def version_json(line: VersionLine) -> dict[str, Any]:
    """A version without its structure."""
    return {
        "id": line.id,
        "wizard_id": line.wizard_id,
        "version_number": line.number,
        "is_active": line.is_active,
        "created_at": line.created_at,
        "created_by": line.created_by,
        "change_summary": line.change_summary,
        "based_on": line.based_on,
        "rolled_back_to": line.rolled_back_to,
        "in_progress_policy": line.in_progress_policy,
        "digest": line.digest.hex(),
        "runs": line.runs.to_json(),
    }


def _whole(line: VersionLine, version: Version) -> dict[str, Any]:
    return version_json(line) | {"structure": dump(version.structure), "changes": list(line.changes)}


def _publishing(body: Publish) -> Publishing:
    if body.change_summary is not None and (reason := unstorable_text(body.change_summary)):
        raise RequestInvalid(reason, errors=[{"pointer": "/change_summary", "code": "text-unstorable", "detail": reason}])
    number = body.version_number if isinstance(body, Rollback) else None
    said = Said() if body.plan is None else body.plan.said()
    return Publishing(change_summary=body.change_summary, in_progress=body.in_progress, said=said, rolls_back_to=number)


async def _published(tx: ReadTx, published: Published) -> ExactJson:
    """The version and what it meant as it was committed. The ETag is the draft's, which a rollback may have moved."""
    wizard, version = published.wizard, published.version
    body = _whole(await get_version_line(tx, wizard, version.number), version)
    body |= {"impact": published.report.impact.to_json(), "draft_kept": published.draft_kept, "draft_revision": wizard.draft_revision}
    body |= {"in_progress": published.policy.to_json(), "job_id": None if published.job is None else published.job.id}
    location = {"Location": f"/api/v1/wizards/{wizard.id}/versions/{version.number}"}
    return with_headers(body, status=201, headers=location | tag_header(str(wizard.draft_revision)))


@router.post(
    "/api/v1/wizards/{wizard_ref}/publish",
    status_code=201,
    summary="Publish the draft",
    responses=shapes.answers(shapes.PublishedVersion, 201) | shapes.answers(shapes.PublishReport),
)
async def publish(
    ctx: CurrentContext,
    tx: WriteTx,
    wizard_ref: WizardRef,
    seen: Seen,
    body: Publish | None = None,
    dry_run: DryRun = False,
    confirm: Confirm = None,
) -> ExactJson:
    """The draft as the next version. Asks for a confirm token whenever stored answers are touched."""
    wanted = body or Publish()
    if dry_run:
        return ExactJson((await report_of_publish(ctx, tx, wizard_ref, _publishing(wanted))).to_json())
    consent = Consent(seen=seen, confirm=confirm or wanted.confirm)
    return await _published(tx, await publish_draft(ctx, tx, wizard_ref, _publishing(wanted), consent))


@router.post(
    "/api/v1/wizards/{wizard_ref}/rollback",
    status_code=201,
    summary="Publish an old version's structure again",
    responses=shapes.answers(shapes.PublishedVersion, 201) | shapes.answers(shapes.PublishReport),
)
async def rollback(
    ctx: CurrentContext,
    tx: WriteTx,
    wizard_ref: WizardRef,
    body: Rollback,
    seen: Seen,
    dry_run: DryRun = False,
    confirm: Confirm = None,
) -> ExactJson:
    """As the next version: nothing in between is lost. `draft_kept` says that the draft had changes of its own and stays."""
    if dry_run:
        return ExactJson((await report_of_rollback(ctx, tx, wizard_ref, _publishing(body))).to_json())
    consent = Consent(seen=seen, confirm=confirm or body.confirm)
    return await _published(tx, await roll_back(ctx, tx, wizard_ref, _publishing(body), consent))


@router.get("/api/v1/wizards/{wizard_ref}/versions", summary="A wizard's versions", responses=shapes.answers(shapes.VersionPage))
async def list_(
    ctx: CurrentContext,
    tx: ReadTx,
    resources: ResourcesDep,
    wizard_ref: WizardRef,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> ExactJson:
    """The newest first, without their structures."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "view", removed=True)
    listing = Listing("versions", {"wizard": wizard.id}, resources.secret)
    after = listing.after(cursor)
    found = await list_versions(tx, wizard, limit=limit + 1, before=None if after is None else int(after[0]))
    shown, following = listing.page(found, limit, position=lambda line: [line.number])
    return ExactJson({"items": [version_json(line) for line in shown], "next": following})


@router.get("/api/v1/wizards/{wizard_ref}/versions/{number}", summary="One version", responses=shapes.answers(shapes.VersionAnswer))
async def read(ctx: CurrentContext, tx: ReadTx, wizard_ref: WizardRef, number: Number) -> ExactJson:
    """With its structure, and the changes that it brought as they were counted then."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "view", removed=True)
    line = await get_version_line(tx, wizard, number)
    return ExactJson(_whole(line, await version_by_number(tx, wizard.id, number)))


class SchemaJson(ExactJson):
    """A JSON Schema."""

    media_type = "application/schema+json"


@router.get(
    "/api/v1/wizards/{wizard_ref}/versions/{number}/schema",
    summary="The JSON Schema of a run's answers",
    response_class=SchemaJson,
    responses={200: {"content": {SchemaJson.media_type: {"schema": {"type": "object"}}}}},
)
async def schema(ctx: CurrentContext, tx: ReadTx, wizard_ref: WizardRef, number: Number) -> SchemaJson:
    """JSON Schema 2020-12 of the `answers` of a run on this version, by key."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "view", removed=True)
    version = await version_by_number(tx, wizard.id, number)
    return SchemaJson(answers_schema(version.structure, title=f"Answers to {wizard.name}, version {number}"))


@router.get(
    "/api/v1/wizards/{wizard_ref}/diff",
    summary="How two versions differ",
    responses={200: {"model": shapes.VersionDiff, "content": {JSON_PATCH: {"schema": {"type": "array", "items": {"type": "object"}}}}}},
)
async def diff(
    ctx: CurrentContext,
    tx: ReadTx,
    wizard_ref: WizardRef,
    start: Annotated[int, Query(alias="from", ge=1, lt=2**31)],
    end: Annotated[int, Query(alias="to", ge=1, lt=2**31)],
    accept: Annotated[str, Header()] = "",
) -> ExactJson:
    """The changes with their counts; with `Accept: application/json-patch+json` a JSON Patch (RFC 6902) instead."""
    wizard = await get_wizard(tx, ctx.actor, wizard_ref, "view", removed=True)
    old, new = [await version_by_number(tx, wizard.id, number) for number in (start, end)]
    if JSON_PATCH in accept.lower():
        patch = jsonpatch.JsonPatch.from_diff(dump(old.structure), dump(new.structure), dumps=jsonvalue.dumps)
        return with_headers(patch.patch, headers={"Content-Type": JSON_PATCH, "Vary": "Accept"})
    report = await counted_report(ctx, tx, wizard.id, old=old.structure, new=new.structure)
    return with_headers({"from": start, "to": end, **report.to_json()}, headers={"Vary": "Accept"})
