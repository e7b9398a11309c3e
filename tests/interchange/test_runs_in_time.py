import pytest

from keepstep.interchange.runs_in_time import moment_in


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Jul 26, 2018, 4:47:29 PM", "2018-07-26T16:47:29+00:00"),
        ("Jul 26, 2018, 12:05:00 AM", "2018-07-26T00:05:00+00:00"),
        ("Jul 26, 2018, 12:05:00\u202fPM", "2018-07-26T12:05:00+00:00"),
        ("July 26, 2018 at 16:47", "2018-07-26T16:47:00+00:00"),
        ("26 Jul 2018 16:47", "2018-07-26T16:47:00+00:00"),
        ("26-Sept-2018 16:47", "2018-09-26T16:47:00+00:00"),
        ("2018-07-26T16:47:29.123+02:00", "2018-07-26T16:47:29.123000+02:00"),
        ("2018-07-26T16:47:29.123456789Z", "2018-07-26T16:47:29.123456+00:00"),
        ("2018-07-26 16:47:29 Z", "2018-07-26T16:47:29+00:00"),
        ("2018-07-26 16:47", "2018-07-26T16:47:00+00:00"),
    ],
)
def test_a_time_that_can_be_read_in_one_way_is_read(text: str, read: str) -> None:
    moment = moment_in(text, "UTC")
    assert moment is not None
    assert moment.isoformat() == read


@pytest.mark.parametrize(
    "text",
    [
        "26/07/2018 16:47",
        "07/03/2018 16:47",
        "2018-07-26",
        "Jul 26, 2018",
        "Jul 32, 2018, 4:47:29 PM",
        "Juli 26, 2018, 4:47 PM",
        "Jul 26, 2018, 13:47:29 PM",
        "Jul 26, 2018, 0:47:29 PM",
        "2018-02-30T10:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00Z",
        "yesterday",
        "1532623649",
        "",
    ],
)
def test_anything_else_is_not_read(text: str) -> None:
    assert moment_in(text, "UTC") is None


def test_a_local_time_is_taken_in_the_zone() -> None:
    moment = moment_in("Jul 26, 2018, 4:47:29 PM", "Europe/Zurich")
    assert moment is not None
    assert moment.isoformat() == "2018-07-26T16:47:29+02:00"


@pytest.mark.parametrize("text", ["2018-10-28 02:30:00", "2018-03-25 02:30:00"])
def test_a_local_time_that_exists_twice_or_never_is_not_read(text: str) -> None:
    assert moment_in(text, "Europe/Zurich") is None
