"""What a media type is called, and which ending of a name fits a content of it.

The same on every machine: no list of the system is read. Must not know how a content tells its type.
"""

from mimetypes import MimeTypes
from typing import Final

_KNOWN: Final = MimeTypes()
for _type, _ending in {
    "image/webp": ".webp",
    "image/heic": ".heic",
    "image/heif": ".heif",
    "image/avif": ".avif",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/rtf": ".rtf",
    "audio/ogg": ".ogg",
    "audio/mp4": ".m4a",
    "video/x-matroska": ".mkv",
}.items():
    _KNOWN.add_type(_type, _ending)


def short_name(media_type: str) -> str:
    """`image/png` → `PNG`; a type that has no usual ending by its own name, and a family (`image/*`) as it is."""
    ending = _KNOWN.guess_extension(media_type)
    return ending.lstrip(".").upper() if ending else media_type


def fitting_name(name: str, media_type: str, ending: str) -> str:
    """The name with an ending of its content's kind: a picture that calls itself a program is opened by one.

    `media_type` as the content tells it, `ending` the usual one without a dot. Only for pictures, sound, films and PDF: of texts and
    archives the content tells less than the name does.
    """
    tells = media_type == "application/pdf" or _family(media_type) in ("image", "audio", "video")
    if not tells or _fits(name, media_type, ending):
        return name
    # `scan.png.exe` was `scan.png` before.
    rest = name.rpartition(".")[0]
    return rest if "." in rest and _fits(rest, media_type, ending) else f"{name.rstrip(' ._')}.{ending}"


def _fits(name: str, media_type: str, ending: str) -> bool:
    """Of the same family: a camera that calls its HEIC a JPEG harms nobody."""
    stem, _, last = name.rpartition(".")
    suffix = f".{last.lower()}" if stem else ""
    told = _KNOWN.guess_type(f"x{suffix}")[0] or ""
    if media_type == "application/pdf":
        return told == media_type
    return suffix == f".{ending}" or _family(told) == _family(media_type)


def _family(media_type: str) -> str:
    return media_type.partition("/")[0]
