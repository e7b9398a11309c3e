"""What tests of wizards over HTTP share: the Customer Survey made, changed and answered through the API alone."""

from dataclasses import dataclass
from typing import Any

import httpx
from tests.actions_kit import survey_structure


@dataclass
class WebSurvey:
    """A published Customer Survey, and a client that works on it with the newest ETag."""

    client: httpx.AsyncClient
    wizard: str
    steps: list[str]
    full_name: str
    email: str
    color: str

    @property
    def url(self) -> str:
        return f"/api/v1/wizards/{self.wizard}"

    async def etag(self) -> str:
        return (await self.client.get(f"{self.url}/draft")).headers["ETag"]

    async def send(self, method: str, url: str, *, etag: str | None = None, **named: Any) -> httpx.Response:
        """A write with the draft's present ETag, or another one."""
        return await self.client.request(method, url, headers={"If-Match": etag or await self.etag()}, **named)

    async def answer(self, **answers: Any) -> str:
        """The id of a completed run; "_" for "-" in keys."""
        given = {name.replace("_", "-"): value for name, value in answers.items()}
        made = await self.client.post(f"{self.url}/runs", json={"answers": given, "complete": True})
        assert made.status_code == 201, made.text
        run_id: str = made.json()["id"]
        return run_id

    async def draft(self) -> dict[str, Any]:
        body: dict[str, Any] = (await self.client.get(f"{self.url}/draft")).json()
        return body

    async def publish(self) -> httpx.Response:
        """Published, with the token of what GET changes showed."""
        confirm = (await self.client.get(f"{self.url}/changes")).json()["confirm"]
        return await self.send("POST", f"{self.url}/publish", json={"confirm": confirm})


async def web_survey(client: httpx.AsyncClient) -> WebSurvey:
    structure = survey_structure()
    made = await client.post("/api/v1/wizards", json={"name": "Customer Survey", "structure": structure})
    assert made.status_code == 201, made.text
    ids = [item["id"] for step in structure["steps"] for item in step["option_sets"]]
    survey = WebSurvey(client, made.json()["id"], [step["id"] for step in structure["steps"]], *ids)
    published = await survey.send("POST", f"{survey.url}/publish")
    assert published.status_code == 201, published.text
    return survey
