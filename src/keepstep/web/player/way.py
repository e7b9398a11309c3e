"""The addresses of one passage: a page for each step, and those around them. Must not know what stands on any of them."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class Way:
    """`ref`: the wizard as the address names it. `embedded`: the passage's token, where the pages stand in a frame of another site,
    to which browsers bring no cookies; "" otherwise.
    """

    ref: str
    run_id: str
    embedded: str = ""

    @property
    def folder(self) -> str:
        """What all pages of this run lie under, and nothing else: the path of its cookie."""
        return f"/w/{quote(self.ref, safe='')}/{self.run_id}"

    def to(self, *parts: str, **query: str) -> str:
        asked = {**query, **({"embed": self.embedded} if self.embedded else {})}
        path = "/".join([self.folder, *(quote(part, safe="") for part in parts)])
        return f"{path}?{urlencode(asked)}" if asked else path

    def step(self, key: str, **query: str) -> str:
        return self.to("step", key, **query)

    @property
    def begin(self) -> str:
        """The start page, which lies above the run."""
        return f"/w/{quote(self.ref, safe='')}" + ("?embed=1" if self.embedded else "")
