"""Rules 26–28, 31, 33 and 34: between numbers, booleans, dates and times. Must not know envelopes; the target's own checks run later."""

from datetime import datetime
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from keepstep.core.conversion import Conversion, Derived, Params, Refusal, Result, is_number
from keepstep.core.convert_choices import by_table
from keepstep.core.readings import plain_decimal, whole_in
from keepstep.core.structure import OptionSet, Rating, Slider
from keepstep.core.time_readings import count_of, counted, date_in, digits_of, digits_read, epoch_in, in_zone, local_in, moment_in, time_in

TEMPORAL: Final = ("date", "time", "datetime")


# --- grids -----------------------------------------------------------------------------------------------------------


def grid_of(option_set: OptionSet) -> range:
    """The values a slider or a rating can have; empty for other types."""
    if not isinstance(option_set, Slider | Rating):
        return range(0)
    constraints = option_set.constraints
    return range(constraints.min, constraints.max + 1, getattr(constraints, "step", 1))


def on_grid(value: int, conversion: Conversion, params: Params) -> Result:
    """Rule 26: the number itself, or rescaled in a straight line where that is exact; the target checks its own grid."""
    if not params.get("rescale"):
        return Derived(value)
    source, target = (option_set.constraints for option_set in (conversion.source, conversion.target))
    least, most, low, high = (getattr(limits, name) for limits in (source, target) for name in ("min", "max"))
    if most == least:
        return Refusal("not-exact", "The source has a single value: there is no line to rescale along.")
    place = low + Fraction((value - least) * (high - low), most - least)
    if place.denominator != 1:
        return Refusal("not-exact", f"{value} would come to {float(place):.4g}, between two values of the target; nothing is rounded.")
    return Derived(int(place), {"rescale": True})


# --- booleans --------------------------------------------------------------------------------------------------------


def boolean_by_number(value: Any, conversion: Conversion, params: Params) -> Result:
    """Rule 27."""
    threshold = params.get("threshold")
    if threshold is not None:
        return Derived(bool(value >= threshold["at_least"]), {"threshold": threshold}, lossy=True)
    if value in (0, 1):
        return Derived(value == 1)
    return Refusal("not-zero-or-one", f"{plain_decimal(value)} is neither 0 nor 1; a threshold can be given.")


def number_by_boolean(value: bool, conversion: Conversion, params: Params) -> Result:  # noqa: FBT001  the value under conversion, no flag
    """Rule 31."""
    if "values" in params:
        return by_table("true" if value else "false", conversion, params)
    return Derived(int(value))


# --- dates and times -------------------------------------------------------------------------------------------------


def by_calendar(value: Any, conversion: Conversion, params: Params) -> Result:
    """Rule 28, both ways: a number and a date, a time or a datetime, by epoch and unit or by a pattern of digits."""
    kind = next(each for each in (conversion.source.selection_type, conversion.target.selection_type) if each in TEMPORAL)
    result = _from_number(value, kind, params) if is_number(value) else _to_number(value, kind, params)
    if isinstance(result, Refusal):
        return result
    if conversion.target.selection_type in ("integer", "slider"):
        result = whole_in(result.value)
    used = {name: params[name] for name in ("epoch", "unit", "pattern", "zone") if name in params}
    return result if isinstance(result, Refusal) else Derived(result.value, used)


def _from_number(value: Any, kind: str, params: Params) -> Result:
    if "pattern" not in params:
        epoch = epoch_in(params.get("epoch"), kind)
        assert epoch is not None, "faults_in_parameters looks at the epoch"
        return _written_in(counted(value, epoch, params["unit"], kind), kind, params.get("zone"))
    if not isinstance(value, int):
        return Refusal("not-whole", f"{plain_decimal(value)} is not written by a pattern of digits.")
    read = digits_read(value, params["pattern"], kind)
    return read if isinstance(read, Refusal) or kind != "datetime" else in_zone(read.value, params["zone"])


def _written_in(result: Result, kind: str, zone: str | None) -> Result:
    """A datetime with the offset of the zone, where one is given."""
    if isinstance(result, Refusal) or kind != "datetime" or zone is None:
        return result
    try:
        moment = datetime.fromisoformat(result.value).astimezone(ZoneInfo(zone))
    except OverflowError:
        return Refusal("out-of-calendar", "The time lies outside the years 1 to 9999.")
    return moment_in(moment.isoformat())


def _to_number(value: str, kind: str, params: Params) -> Result:
    read = {"date": date_in, "time": time_in, "datetime": moment_in}[kind](value)
    if isinstance(read, Refusal):
        return read
    if "pattern" not in params:
        epoch = epoch_in(params.get("epoch"), kind)
        assert epoch is not None, "faults_in_parameters looks at the epoch"
        return count_of(read.value, epoch, params["unit"], kind)
    if kind != "datetime":
        return digits_of(read.value, params["pattern"], kind)
    local = local_in(read.value, params["zone"])
    return local if isinstance(local, Refusal) else digits_of(local.isoformat(), params["pattern"], kind)


def at_local_time(value: str, conversion: Conversion, params: Params) -> Result:
    """Rule 33."""
    day = date_in(value)
    if isinstance(day, Refusal):
        return day
    placed = in_zone(f"{day.value}T{params['local_time']}", params["zone"])
    return placed if isinstance(placed, Refusal) else Derived(placed.value, {"local_time": params["local_time"], "zone": params["zone"]})


def part_of_moment(value: str, conversion: Conversion, params: Params) -> Result:
    """Rule 34: the local date, exact at midnight alone; date or time of any other moment only where the loss is accepted."""
    read = moment_in(value)
    local = read if isinstance(read, Refusal) else local_in(read.value, params["zone"])
    if isinstance(local, Refusal):
        return local
    clock = local.time()
    used = {"zone": params["zone"]}
    if conversion.target.selection_type == "date" and clock == clock.min:
        return Derived(local.date().isoformat(), used)
    if not params.get("accept_loss"):
        detail = f"It is {clock.isoformat()} in {params['zone']}, which a date cannot hold; converting it has to be chosen."
        return Refusal("loss-not-accepted", detail)
    part = local.date() if conversion.target.selection_type == "date" else clock
    return Derived(part.isoformat(), {**used, "accept_loss": True}, lossy=True)
