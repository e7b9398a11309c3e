"""Laws of views through a version: nothing is lost, nothing is invented, and the own version is the run itself."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.expression_strategies import values
from tests.structure_strategies import structures

from keepstep.core.flow import is_answered, is_waived
from keepstep.core.jsonvalue import canonical_bytes
from keepstep.core.moving import decide, decide_over
from keepstep.core.plan_making import holds_answers, made_plan
from keepstep.core.structure import Structure
from keepstep.core.viewing import viewed
from keepstep.core.ways import Prepared, prepared
from keepstep.queries.movable import subject_of
from keepstep.queries.responses import run_json
from keepstep.queries.runs import RunState, RunWizard
from keepstep.queries.through import Passage, run_through
from keepstep.queries.versions import Version

AT = datetime(2026, 3, 27, 14, 30, tzinfo=UTC)
WIZARD = RunWizard("w", "survey", "Survey", removed=False, active_number=2)
ENVELOPES = st.builds(lambda value, other: {"value": value} | ({"other": other} if other else {}), values(), st.none() | st.just("Pink"))


def version(structure: Structure, number: int) -> Version:
    return Version(f"v{number}", "w", number, structure, b"d" * 32, AT)


@st.composite
def runs(draw: st.DrawFn) -> RunState:
    """A completed run on version 1 with any answers, asked anything, some of it erased."""
    structure = draw(structures())
    ids = [option_set.id for option_set in structure.option_sets]
    answers = draw(st.dictionaries(st.sampled_from(ids), ENVELOPES, max_size=6)) if ids else {}
    gone = draw(st.sets(st.sampled_from(ids), max_size=2)) - answers.keys() if ids else set()
    return RunState(
        id="r",
        origin_wizard_id="w",
        wizard_id="w",
        version=version(structure, 1),
        status="completed",
        revision=1,
        save_number=0,
        head_revision=1,
        language=structure.default_language,
        respondent=None,
        started_at=AT,
        updated_at=AT,
        completed_at=AT,
        trashed_at=None,
        erased_at=None,
        answers=answers,
        archive=draw(st.dictionaries(st.sampled_from(("column", "notes")), ENVELOPES)),
        asked="".join(draw(st.lists(st.sampled_from("01"), min_size=len(ids), max_size=len(ids)))),
        evaluated_at=AT,
        zone="UTC",
        digest=b"d" * 32,
        cause="respondent",
        actor=None,
        at=AT,
        is_working_copy=False,
        erased=dict.fromkeys(gone, "leaf"),
    )


@given(runs())
def test_through_its_own_version_a_run_is_what_it_is(run: RunState) -> None:
    seen = run_through(run, WIZARD, Passage(run.version, (), ()))
    assert {name: value for name, value in seen.items() if name != "through"} == run_json(run, WIZARD)


def by_ids(run: RunState, target: Version) -> Passage:
    """The way there without any plan."""
    sources = {run.version.id: run.version.structure}
    hop = prepared(made_plan(sources, target.id, target.structure), sources, target.structure)
    return Passage(target, (hop,), (hop,))


def plain(envelope: Any) -> dict[str, Any]:
    return {name: envelope[name] for name in ("value", "other") if name in envelope}


@given(runs(), structures())
def test_every_answer_is_shown_kept_as_original_or_archived(run: RunState, target: Structure) -> None:
    seen = run_through(run, WIZARD, by_ids(run, version(target, 2)))
    responses = {response["option_set_id"]: response for response in seen["responses"]}
    archive = {entry["name"]: entry["response_value"] for entry in seen["archive"]}
    for name, envelope in run.answers.items():
        if is_answered(envelope):
            response = responses.get(name)
            shown = response and response.get("original", response)["response_value"]
            assert plain(envelope) in (shown, archive.get(name))
    assert all(archive[name] == plain(envelope) for name, envelope in run.archive.items())


@given(runs(), structures())
def test_no_answer_comes_from_nowhere(run: RunState, target: Structure) -> None:
    for response in run_through(run, WIZARD, by_ids(run, version(target, 2)))["responses"]:
        name = response["option_set_id"]
        if response["state"] == "answered":
            assert is_answered(run.answers.get(name))
        if name not in run.version.structure.option_set_by_id:
            assert (response["asked"], response["response_value"]) == (False, None)
        if name in run.erased:
            assert (response["state"], response["response_value"]) == ("erased", None)


@given(runs(), structures())
def test_a_conflict_always_shows_the_original_and_why(run: RunState, target: Structure) -> None:
    for response in run_through(run, WIZARD, by_ids(run, version(target, 2)))["responses"]:
        if response["state"] == "conflict":
            assert response["response_value"] is None
            assert response["original"]["response_value"] == plain(run.answers[response["option_set_id"]])
            assert response["conflict"]["code"]
            assert response["conflict"]["detail"]


@given(runs(), structures())
def test_a_view_shows_what_a_move_by_ids_would_make(run: RunState, target: Structure) -> None:
    """Two readings of the same rules: what is seen through a version is what moving there gives, as far as the run could move."""
    asks = {each.id for each in run.version.structure.option_sets if holds_answers(each)}
    run = replace(run, answers={name: envelope for name, envelope in run.answers.items() if name in asks})
    plan = made_plan({run.version.id: run.version.structure}, "v2", target)
    ready = prepared(plan.model_copy(update={"on_need": "waive"}), {run.version.id: run.version.structure}, target)
    moved = decide(subject_of(run), ready).moved
    if moved is None:
        return
    seen = run_through(run, WIZARD, by_ids(run, version(target, 2)))
    shown = {each["option_set_id"]: each["response_value"] for each in seen["responses"] if each["state"] != "erased"}
    assert {name: plain(envelope) for name, envelope in moved.answers.items() if not is_waived(envelope)} == {
        name: value for name, value in shown.items() if value is not None
    }
    kept = {each["name"]: each["response_value"] for each in seen["archive"] if each["state"] != "erased"}
    assert kept == {name: plain(entry) for name, entry in moved.archive.items()}


# --- by plans --------------------------------------------------------------------------------------------------------


@st.composite
def ways(draw: st.DrawFn) -> tuple[RunState, tuple[Prepared, ...], Structure]:
    """A run of version 1, and plans by ids over one or two more versions, which decide conflicts in any of their ways."""
    run = draw(runs())
    known = {run.version.id: run.version.structure}
    hops = []
    for name in ("v2", "v3")[: draw(st.integers(1, 2))]:
        source, known[name] = next(reversed(known.items())), draw(structures())
        policy = draw(st.sampled_from(("stay", "park", "archive")))
        plan = made_plan(dict([source]), name, known[name]).model_copy(update={"on_conflict": policy})
        hops.append(prepared(plan, dict(known), known[name]))
    return run, tuple(hops), known[next(reversed(known))]


@given(ways())
def test_over_several_plans_no_answer_is_lost_either(way: tuple[RunState, tuple[Prepared, ...], Structure]) -> None:
    """Each answer of the run is in the target, held in its place or archived; as it was, or as a conversion that names what it was."""
    run, hops, _ = way
    view = viewed(subject_of(run), run.version.structure, hops)
    kept = [*view.run.answers.values(), *(each.envelope for each in view.held.values()), *_entries(view.run.archive)]
    texts = {canonical_bytes(plain(each)) for each in kept} | {canonical_bytes(each) for entry in kept for each in _originals(entry)}
    for envelope in run.answers.values():
        if is_answered(envelope):
            assert canonical_bytes(plain(envelope)) in texts


def _entries(archive: Any) -> Iterator[Any]:
    for entry in archive.values():
        yield entry
        yield from _entries({"": entry["earlier"]} if "earlier" in entry else {})


def _originals(envelope: Any) -> Iterator[Any]:
    """What an answer was before each of its conversions, as far as that is not what it still is."""
    params = envelope.get("params", {})
    was = {**params.get("was", {}), "value": params.get("original", envelope["value"])} if "was" in params else None
    if was is not None:
        yield plain(was)
        yield from _originals(was)


@given(ways())
def test_a_held_answer_stands_where_nothing_else_does(way: tuple[RunState, tuple[Prepared, ...], Structure]) -> None:
    run, hops, target = way
    view = viewed(subject_of(run), run.version.structure, hops)
    assert view.held.keys() <= target.option_set_by_id.keys() - view.run.answers.keys()
    assert view.origins.keys() <= target.option_set_by_id.keys()
    assert view.run.is_completed == (run.status == "completed")


@given(ways())
def test_a_view_over_plans_is_what_moving_over_them_makes(way: tuple[RunState, tuple[Prepared, ...], Structure]) -> None:
    run, hops, _ = way
    settled = tuple(replace(hop, plan=hop.plan.model_copy(update={"on_need": "waive"})) for hop in hops)
    decision = decide_over(subject_of(run), settled)
    view = viewed(subject_of(run), run.version.structure, hops)
    if decision.moved is not None and not any(reason.outcome == "conflicts" for reason in decision.reasons):
        moved = {name: each for name, each in decision.moved.answers.items() if not is_waived(each)}
        assert (view.run.answers, view.run.archive, view.held) == (moved, decision.moved.archive, {})
