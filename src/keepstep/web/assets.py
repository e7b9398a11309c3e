"""Which static files there are and at which address: each name carries the digest of its content, so that browsers keep it for ever.

Reads every file once, at the start. Must not know which page uses what.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from keepstep.errors import SettingInvalid

FOLDER: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static/"
# Put there by `make setup`; without them no page would have a style.
_NEEDED: Final = ("vendor/tabler.css", "vendor/htmx.js", "vendor/sortable.js", "vendor/icons.svg")
# Sixteen hexadecimal digits: nobody forges one, since they only have to differ from version to version.
_DIGEST: Final = 16


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. `zipped` is what browsers are sent that take gzip, which all of them do."""

    path: str
    content: bytes = field(repr=False)
    zipped: bytes = field(repr=False)
    media_type: str
    digest: str

    @property
    def address(self) -> str:
        """`/static/keepstep.0123456789abcdef.css`."""
        stem, _, ending = self.path.rpartition(".")
        return f"{PREFIX}{stem}.{self.digest}.{ending}"


@dataclass(frozen=True, slots=True)
class Assets:
    """All of them, by name (`vendor/htmx.js`) and by address."""

    by_name: Mapping[str, Asset]
    by_address: Mapping[str, Asset]

    def address(self, name: str) -> str:
        """Where a file is served. A name that is not there is a fault of the template."""
        return self.by_name[name].address


@cache
def assets_in(folder: Path = FOLDER) -> Assets:
    """The files of a folder. Raises SettingInvalid when the set-up has not put everything there."""
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if missing:
        raise SettingInvalid(f"Parts of the pages are missing ({', '.join(missing)}). Run `make setup`.")
    found = [_asset(folder, path) for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return Assets({each.path: each for each in found}, {each.address: each for each in found})


def _asset(folder: Path, path: Path) -> Asset:
    content = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(
        path=path.relative_to(folder).as_posix(),
        content=content,
        zipped=gzip.compress(content, mtime=0),
        media_type="text/javascript" if path.suffix == ".js" else media_type,
        digest=hashlib.sha256(content).hexdigest()[:_DIGEST],
    )
