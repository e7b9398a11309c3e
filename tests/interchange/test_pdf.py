"""Which scripts a PDF is written in, and that a character without a font is seen to be there."""

from datetime import UTC, datetime
from typing import Any

import pytest
from fpdf.enums import TextDirection
from fpdf.fonts import TTFFont

from keepstep.core.bidi import isolated
from keepstep.interchange.pdf import PdfDocument, PdfLine, PdfSection, _Pdf

SCRIPTS = {
    "Arabic": "ما اسمك؟ ٣٥ سنة",
    "Bengali": "আপনার নাম কী?",
    "Chinese": "您的姓名是什么？请选择",
    "Chinese, traditional": "您叫什麼名字？請選擇",
    "Cyrillic": "Как вас зовут? Їжак",
    "Devanagari": "आपका नाम क्या है? क्षेत्र",
    "Emoji": "😀👍❤️",
    "Ethiopic": "ስምህ ማን ነው?",
    "Georgian": "რა გქვია?",
    "Greek": "Πώς σας λένε;",
    "Gujarati": "તમારું નામ શું છે?",
    "Gurmukhi": "ਤੁਹਾਡਾ ਨਾਮ ਕੀ ਹੈ?",
    "Hebrew": "מה שמך?",
    "Japanese": "お名前を教えてください。東京都",
    "Kannada": "ನಿಮ್ಮ ಹೆಸರೇನು?",
    "Khmer": "តើអ្នកឈ្មោះអ្វី?",
    "Korean": "이름이 무엇입니까?",
    "Lao": "ເຈົ້າຊື່ຫຍັງ",
    "Malayalam": "നിങ്ങളുടെ പേരെന്താണ്?",
    "Myanmar": "သင့်နာမည်ဘယ်လိုခေါ်သလဲ",
    "Oriya": "ଆପଣଙ୍କ ନାମ କ’ଣ?",
    "Sinhala": "ඔබේ නම කුමක්ද?",
    "Tamil": "உங்கள் பெயர் என்ன?",
    "Telugu": "మీ పేరు ఏమిటి?",
    "Thai": "ชื่อของคุณคืออะไร?",
    "Vietnamese": "Tên của bạn là gì? Nguyễn",
}


def written(text: str) -> _Pdf:
    lines = [PdfLine(text, text, (text,))]
    made = _Pdf(
        PdfDocument(text, [text], [PdfSection(text, lines)], "en", datetime(2026, 3, 3, tzinfo=UTC), text, "A character is missing.")
    )
    made.write()
    return made


def test_every_script_that_is_promised_has_its_font() -> None:
    made = written(" ".join(SCRIPTS.values()))
    assert not made._substituted
    assert bytes(made.output()).startswith(b"%PDF")


@pytest.mark.parametrize(("text", "fonts"), [("Zoë, Łódź", 2), ("王 and आप", 5)])
def test_only_the_fonts_that_are_needed_are_opened(text: str, fonts: int) -> None:
    assert len(written(text).fonts) == fonts


def test_a_character_of_no_font_is_named() -> None:
    made = written("བོད")
    assert made._substituted
    assert made._text("བ") == "<U+0F56>"


class Placed(_Pdf):
    """Keeps where each text begins, and at which side."""

    def multi_cell(self, w: float, h: float | None = None, text: str = "", **how: Any) -> Any:  # type: ignore[override]
        shaping = self.text_shaping or {}
        self.placed = {
            **getattr(self, "placed", {}),
            text: (round(self.l_margin), round(self.r_margin), how["align"], shaping.get("direction")),
        }
        return super().multi_cell(w, h, text, **how)


@pytest.mark.parametrize(("language", "label", "answer"), [("ar", (132, 18, "R"), (18, 82, "R")), ("en", (18, 132, "L"), (82, 18, "L"))])
def test_a_run_is_laid_out_from_the_side_at_which_its_language_begins(
    language: str, label: tuple[int, int, str], answer: tuple[int, int, str]
) -> None:
    about = " · ".join(map(isolated, ("Poly", "v1", "مكتملة")))
    section = PdfSection("1  عنك", [PdfLine("الاسم", "Ann")])
    made = Placed(
        PdfDocument(
            "التشغيل", [about], [section], language, datetime(2026, 3, 3, tzinfo=UTC), "foot", "missing", from_right=language == "ar"
        )
    )
    made.write()
    assert (made.placed["الاسم"][:3], made.placed["Ann"][:3]) == (label, answer)
    assert made.placed[about][2:] == (("R", TextDirection.RTL) if language == "ar" else ("L", None))
    assert not made._substituted


# The packages of these have one weight: their headings stand in it.
ONE_WEIGHT = {"Chinese", "Chinese, traditional", "Japanese", "Korean"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_headings_are_bold_in_every_script_that_has_a_bold_font(script: str) -> None:
    made = written(SCRIPTS[script])
    first = made.fonts["keepstepB"]
    assert isinstance(first, TTFFont)
    letters = [each for each in SCRIPTS[script] if each.isalpha() and ord(each) not in first.cmap]
    chosen = {made.get_fallback_font(each, "B") for each in letters}
    assert None not in chosen
    if script not in ONE_WEIGHT:
        assert all(str(each).endswith("B") for each in chosen), chosen
