"""How the server is doing, in the text format of Prometheus. Knows routes and statuses, never paths, queries or answers."""

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from keepstep import __version__

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Seconds. The submit path is budgeted in milliseconds, a large export takes many seconds.
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

Key = tuple[str, str, int]


@dataclass(slots=True)
class Metrics:
    """The requests that this process answered since it started. One for each application, for as long as it lives."""

    answered: Counter[Key] = field(default_factory=Counter)
    seconds: Counter[Key] = field(default_factory=Counter)
    within: dict[Key, list[int]] = field(default_factory=dict)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method, route, status)
        self.answered[key] += 1
        self.seconds[key] += seconds  # type: ignore[assignment]  # a Counter adds up floats as well
        buckets = self.within.setdefault(key, [0] * (len(BUCKETS) + 1))
        buckets[bisect_left(BUCKETS, seconds)] += 1


def exposition(metrics: Metrics) -> str:
    """The page that Prometheus reads. Each worker process counts on its own, so each line names the process it is from."""
    return "\n".join(_lines(metrics, f'worker="{os.getpid()}"')) + "\n"


def _lines(metrics: Metrics, worker: str) -> Iterator[str]:
    yield "# HELP keepstep_info The running release."
    yield "# TYPE keepstep_info gauge"
    yield f'keepstep_info{{{worker},version="{__version__}"}} 1'
    name = "keepstep_http_request_duration_seconds"
    yield f"# HELP {name} How long requests took, by route and status."
    yield f"# TYPE {name} histogram"
    for key, buckets in sorted(metrics.within.items()):
        labels = _labels(key, worker)
        total = 0
        for bound, count in zip((*BUCKETS, "+Inf"), buckets, strict=True):
            total += count
            yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
        yield f"{name}_sum{{{labels}}} {metrics.seconds[key]:.6f}"
        yield f"{name}_count{{{labels}}} {metrics.answered[key]}"


def _labels(key: Key, worker: str) -> str:
    method, route, status = key
    return f'{worker},method="{method}",route="{route}",status="{status}"'
