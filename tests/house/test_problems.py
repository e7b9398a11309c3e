"""Every user error is declared once, completely, and docs/problems.md says what the code says."""

import re
from inspect import getdoc
from typing import get_args

import pytest
from tests.house.problems_page import PAGE, problems_page

from keepstep.errors import Kind, Problem, catalogue


def test_the_page_is_what_the_catalogue_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == problems_page(), "docs/problems.md is out of date: make docs"


@pytest.mark.parametrize("problem", catalogue(), ids=lambda problem: problem.__name__)
def test_a_problem_is_complete(problem: type[Problem]) -> None:
    assert {"kind", "code", "title"} <= vars(problem).keys()
    assert problem.kind in get_args(Kind)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", problem.code)
    assert not problem.title.endswith(".")
    assert (getdoc(problem) or "").endswith(".")
    assert getdoc(problem) != getdoc(Problem)


def test_no_two_problems_share_a_code() -> None:
    codes = [problem.code for problem in catalogue()]
    assert len(codes) == len(set(codes))


def test_a_problem_says_its_title_when_nothing_more_is_known() -> None:
    for problem in catalogue():
        assert problem().detail == problem.title
        assert problem("Because", run_id="x").extra == {"run_id": "x"}
