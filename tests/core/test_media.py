"""What a media type is called, and which name fits a content."""

import pytest

from keepstep.core.media import fitting_name, short_name


@pytest.mark.parametrize(
    ("name", "media_type", "ending", "expected"),
    [
        ("scan.png", "image/png", "png", "scan.png"),
        ("SCAN.PNG", "image/png", "png", "SCAN.PNG"),
        ("photo.jpg", "image/heic", "heic", "photo.jpg"),
        ("scan.png.exe", "image/png", "png", "scan.png"),
        ("scan.png.exe_", "image/png", "png", "scan.png"),
        ("tool.exe", "image/png", "png", "tool.exe.png"),
        ("scan", "application/pdf", "pdf", "scan.pdf"),
        ("scan.png", "application/pdf", "pdf", "scan.png.pdf"),
        ("form.docx", "application/zip", "zip", "form.docx"),
    ],
)
def test_a_name_ends_as_its_content_is(name: str, media_type: str, ending: str, expected: str) -> None:
    assert fitting_name(name, media_type, ending) == expected


def test_a_type_is_called_by_its_usual_ending() -> None:
    assert [short_name(each) for each in ("image/png", "image/jpeg", "application/x-unknown")] == ["PNG", "JPG", "application/x-unknown"]
