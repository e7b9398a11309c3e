"""Submissions of the sample form as another tool would export them: plausible, the same for the same seed, and not spotless.

Some cells hold a code that the form does not have, and two columns are no question of it: an import has to account for them.
"""

import csv
import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from keepstep.core.clock import Clock
from keepstep.core.flow import ASKED, evaluate
from keepstep.core.structure import OptionSet, Statement, Structure, choices_of
from keepstep.interchange.cells import cell_text

MISFIT: Final = "gig_work"
"""A code that the form does not have, in every 25th run."""
_EVERY: Final = 25
_ANSWERED: Final = 0.93
"""Of the questions that nobody has to answer."""
UNKNOWN: Final = ("visit-weather", "end-photo_note")
"""Columns that are no question of the form."""
_FIRST_DAY: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_NAMES: Final = "Amara Chen Dubois Eze Fischer Garcia Haddad Ito Jansen Kowalski Lopes Moreau Nowak Okafor Petrov Rossi".split()
_REMARKS: Final = ("", "", "", "Thank you for coming.", "The lift is broken, again.", 'He said "soon", in March; nothing since.')


def sample_runs(structure: Structure, random: Random, count: int) -> bytes:
    """A CSV file with this many submissions of the sample form, headings with groups as ODK writes them."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    asked = [item for item in structure.option_sets if not isinstance(item, Statement)]
    paths = [f"{structure.step_of[item.id].key}-{item.key}" for item in asked]
    writer.writerow(["SubmissionDate", "meta-instanceID", *paths, *UNKNOWN])
    for number in range(count):
        at = _FIRST_DAY + timedelta(hours=7 * number, minutes=random.randrange(300))
        answers = _answers(structure, random, at)
        if number % _EVERY == 0 and "employment" in answers:
            answers["employment"] = MISFIT
        own = [cell_text(answers.get(item.key), item) for item in asked]
        beside = [random.choice(("sunny", "rain", "")), "seen" if number % 9 == 0 else ""]
        writer.writerow([at.isoformat(), f"uuid:{random.getrandbits(128):032x}", *own, *beside])
    return buffer.getvalue().encode()


def _answers(structure: Structure, random: Random, at: datetime) -> dict[str, Any]:
    """Values by key for what such a household is asked. What it is not asked reads as unanswered, so one evaluation tells."""
    given = {item.id: _value(item, random, at) for item in structure.option_sets if item.is_required or random.random() < _ANSWERED}
    evaluation = evaluate(structure, {name: {"value": value} for name, value in given.items()}, Clock(at))
    values = given | dict(evaluation.calculated)
    asked = zip(structure.option_sets, evaluation.asked, strict=True)
    return {item.key: values[item.id] for item, bit in asked if bit == ASKED and item.id in values}


def _value(option_set: OptionSet, random: Random, at: datetime) -> Any:
    make = _BY_KEY.get(option_set.key) or _BY_TYPE.get(option_set.selection_type)
    return None if make is None else make(option_set, random, at)


Make = Callable[[Any, Random, datetime], Any]


def _whole(option_set: Any, random: Random, _at: datetime) -> int:
    """Mostly near the lower bound, as counts of people and things are."""
    low, high = int(option_set.constraints.min or 0), int(option_set.constraints.max or 100)
    return min(high, low + int(random.expovariate(4 / (high - low + 1))))


def _several(option_set: Any, random: Random, _at: datetime) -> list[str]:
    return [option.value for option in choices_of(option_set) if random.random() < 0.4]


_BY_TYPE: Final[Mapping[str, Make]] = {
    "text_input": lambda _, random, _at: random.choice(_NAMES),
    "textarea": lambda _, random, _at: random.choice(_REMARKS),
    "email": lambda _, random, _at: f"{random.choice(_NAMES).lower()}@example.org",
    "phone": lambda _, random, _at: f"+4930{random.randrange(10**6, 10**7)}",
    "single_select": lambda option_set, random, _at: random.choice(choices_of(option_set)).value,
    "multiple_select": _several,
    "integer": _whole,
    "number": lambda _, random, _at: round(random.lognormvariate(6, 1)),
    "slider": lambda _, random, _at: random.randrange(0, 65, 5),
    "rating": lambda _, random, _at: random.randint(1, 5),
    "boolean": lambda _, random, _at: random.random() < 0.5,
    "date": lambda _, random, at: (at - timedelta(days=random.randrange(300))).date().isoformat(),
    "time": lambda _, random, _at: f"{random.randrange(8, 20):02d}:{random.choice((0, 15, 30, 45)):02d}",
    "datetime": lambda _, random, at: (at + timedelta(minutes=random.randrange(20, 90))).isoformat(),
}
_BY_KEY: Final[Mapping[str, Make]] = {
    "consent": lambda _, random, _at: random.random() < 0.95,
    "head_age": lambda _, random, _at: min(99, max(18, round(random.gauss(47, 17)))),
    "visit_date": lambda _, _random, at: at.date().isoformat(),
    "built": lambda _, random, _at: random.randrange(1880, 2024),
}
