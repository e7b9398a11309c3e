"""The story of the five scenarios, told through the HTTP API alone, and what must be the same before and after each of them."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from tests.factories import JOHN, customer_survey, new_id

# Rows as PostgreSQL writes them out: every column, so every stored byte.
_REVISIONS = "SELECT r::text FROM run_revisions AS r WHERE run_id = %s ORDER BY revision"
_VERSION = """
    SELECT v::text FROM wizard_versions AS v JOIN run_revisions AS r ON r.wizard_version_id = v.id WHERE r.run_id = %(run)s
    UNION ALL
    SELECT o::text FROM version_option_sets AS o JOIN run_revisions AS r ON r.wizard_version_id = o.version_id WHERE r.run_id = %(run)s
    ORDER BY 1
"""
NOBODY = {"completed": 0, "in_progress": 0, "abandoned": 0}


@dataclass(frozen=True)
class Evidence:
    """Everything that is stored of run-123 and of its version, row by row, and the bytes that the API answers with."""

    revisions: tuple[str, ...]
    version: tuple[str, ...]
    as_answered: bytes
    digest: str


@dataclass
class Story:
    """A wizard with its run-123. Each write sends the draft's newest ETag unless told another one."""

    client: httpx.Client
    rows: psycopg.Connection[Any]
    wizard: str
    structure: dict[str, Any]
    run: str

    @property
    def url(self) -> str:
        return f"/api/v1/wizards/{self.wizard}"

    def id_of(self, key: str) -> str:
        """The id of a step or option set of version 1."""
        nodes = [node for step in self.structure["steps"] for node in (step, *step["option_sets"])]
        return next(str(node["id"]) for node in nodes if node["key"] == key)

    def get(self, url: str, **parameters: Any) -> Any:
        answer = self.client.get(url, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def write(self, method: str, url: str, **named: Any) -> httpx.Response:
        """A write on the draft."""
        etag = self.client.get(f"{self.url}/draft").headers["ETag"]
        return self.client.request(method, url, headers={"If-Match": etag}, **named)

    def publish(self) -> dict[str, Any]:
        """The new version, published with the token of the changes that were shown."""
        confirm = self.get(f"{self.url}/changes")["confirm"]
        answer = self.write("POST", f"{self.url}/publish", json={"confirm": confirm})
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def start(self, **answers: Any) -> httpx.Response:
        """A new completed run on the active version; "_" for "-" in keys."""
        given = {name.replace("_", "-"): value for name, value in answers.items()}
        return self.client.post(f"{self.url}/runs", json={"answers": given, "complete": True})

    def evidence(self, *, revisions: int = 1) -> Evidence:
        """What is stored of the first revisions of run-123, and how the API shows the last of them."""
        raw = self.client.get(f"/api/v1/runs/{self.run}/revisions/{revisions}")
        # The answers stand at the end of the body, after what other runs and versions may move.
        assert raw.content.count(b'"responses":') == 1
        stored = tuple(row[0] for row in self.rows.execute(_REVISIONS, [self.run]))[:revisions]
        version = tuple(row[0] for row in self.rows.execute(_VERSION, {"run": self.run}))
        return Evidence(stored, tuple(dict.fromkeys(version)), raw.content[raw.content.index(b'"responses":') :], raw.json()["digest"])

    def responses(self, run: str = "") -> dict[str, Any]:
        return {item["key"]: item for item in self.get(f"/api/v1/runs/{run or self.run}")["responses"]}

    def export(self, **parameters: Any) -> list[dict[str, str]]:
        """The rows of the CSV export by column; every one is as long as the header."""
        answer = self.client.get(f"{self.url}/export.csv", params=parameters)
        assert answer.status_code == 200, answer.text
        header, *rows = csv.reader(io.StringIO(answer.text, newline=""), strict=True)
        assert len(set(header)) == len(header)
        return [dict(zip(header, row, strict=True)) for row in rows]

    def exported(self) -> dict[str, str]:
        """The one row of run-123."""
        (row,) = [row for row in self.export() if row["run_id"] == self.run]
        return row

    def require_intact(self, before: Evidence) -> None:
        """Not one byte of run-123 changed, and it can be edited and saved in its own version, which adds a revision to it."""
        assert self.evidence() == before
        head = self.client.get(f"/api/v1/runs/{self.run}")
        changed = self.client.patch(
            f"/api/v1/runs/{self.run}/answers",
            json={"answers": {"email": "john.doe@example.com", "favorite-color": "red"}},
            headers={"If-Match": head.headers["ETag"]},
        )
        assert (changed.status_code, changed.json()["revision"], changed.json()["issues"]) == (200, 2, []), changed.text
        assert changed.json()["version"]["version_number"] == 1
        after = self.responses()
        assert {key: item["display"] for key, item in after.items()} == {
            "full-name": "John Doe",
            "email": "john.doe@example.com",
            "favorite-color": "Red",
        }
        assert [item["option_set_snapshot"] for item in after.values()] == [item["option_set_snapshot"] for item in _body(before)]
        assert self.evidence() == before


def _body(evidence: Evidence) -> Any:
    return json.loads(b"{" + evidence.as_answered)["responses"]


def told_until_day_two(client: httpx.Client, rows: psycopg.Connection[Any]) -> Story:
    """Day 1: the Customer Survey is published. Day 2: run-123 is completed."""
    structure = customer_survey()
    made = client.post("/api/v1/wizards", json={"structure": structure})
    assert made.status_code == 201, made.text
    story = Story(client, rows, made.json()["id"], structure, new_id())
    published = story.write("POST", f"{story.url}/publish")
    assert (published.status_code, published.json()["version_number"]) == (201, 1)
    run = client.post(f"{story.url}/runs", json={"id": story.run, "answers": JOHN, "complete": True})
    assert (run.status_code, run.json()["id"]) == (201, story.run)
    return story


def counted(impact: dict[str, Any]) -> dict[str, Any]:
    """An impact without its times: everything that is a number or a value."""
    return {name: value for name, value in impact.items() if name not in ("as_of", "oldest", "newest")}


def exactly(*, runs: dict[str, int], answers: int, **members: Any) -> dict[str, Any]:
    """The impact of one completed run on version 1, or what is said otherwise."""
    nothing = {"trashed": 0, "distinct_values": [], "more_distinct_values": 0, "by_version": [], "by_option_set": [], "mentions": []}
    return nothing | {"runs": NOBODY | runs, "answers": answers, "at_most": False} | members
