"""Reading text in pictures: rapidocr where it is installed, else tesseract where it is on the machine, else none.

Engines are found when a model is built and started when the first picture is read, never at import.
"""

from dataclasses import dataclass
from typing import Literal

from PIL import Image

from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.offline import rapid, tesseract
from ecoalign_agent.offline.brief import Box

EngineChoice = Literal["auto", "rapidocr", "tesseract", "none"]
"""Which OCR engine to use; "auto" takes the first that is there."""

Engine = Literal["rapidocr", "tesseract", "none"]
"""An engine that is there, or none."""

CLEAR_CONFIDENCE = 0.8
"""Recognition below this confidence is not trusted. Ours, measured on our own pictures."""

CLEAR_CHARACTER_WIDTH = 3.6
"""Pixels a character must be wide to be trusted: below it engines guess digits with confidence. Ours, measured."""


@dataclass(frozen=True, slots=True)
class Line:
    """One piece of text in a picture.

    Attributes:
        text: what it reads, in one line.
        box: where it stands, as fractions of the picture.
        confidence: the engine's, in [0, 1].
        clear: large and certain enough to be trusted; else it is a place worth a closer look.
    """

    text: str
    box: Box
    confidence: float
    clear: bool = True


def find_engine(choice: EngineChoice) -> Engine:
    """Which engine ``choice`` comes down to on this machine. Nothing is imported or started.

    Raises:
        ModelNameError: an engine asked for by name is not installed, or there is no such engine.
    """
    match choice:
        case "none":
            return "none"
        case "rapidocr" | "tesseract" | "auto":
            if choice != "tesseract" and rapid.model_files() is not None:
                return "rapidocr"
            if choice != "rapidocr" and tesseract.program() is not None:
                return "tesseract"
        case _:
            raise ModelNameError(f"OCR engine {choice!r}: there are auto, rapidocr, tesseract and none")
    if choice == "rapidocr":
        raise ModelNameError("OCR engine rapidocr: not installed; pip install 'ecoalign-agent[offline]'")
    if choice == "tesseract":
        raise ModelNameError("OCR engine tesseract: not on PATH; install it, or use auto or none")
    return "none"


def read_lines(picture: Image.Image, engine: Engine) -> list[Line]:
    """All text in an RGB picture, from top to bottom. Blocking: call it in a thread."""
    if engine == "none":
        return []
    found = rapid.read(picture) if engine == "rapidocr" else tesseract.read(picture)
    lines = [_line(text, confidence, pixels, picture.size) for text, confidence, pixels in found if text.strip()]
    return sorted(lines, key=lambda line: (line.box[1], line.box[0]))


def is_clear(text: str, confidence: float, width: float, height: float) -> bool:
    """Whether a line can be trusted: the engine is certain, and its characters have enough pixels.

    Args:
        text: what was read.
        confidence: the engine's, in [0, 1].
        width: of the box, in pixels of the picture that was read.
        height: of the box, in pixels; boxes leave a margin of about a third of it at either end.
    """
    return confidence >= CLEAR_CONFIDENCE and (width - 0.6 * height) / max(len(text), 1) >= CLEAR_CHARACTER_WIDTH


def _line(text: str, confidence: float, pixels: Box, size: tuple[int, int]) -> Line:
    left, top, right, bottom = pixels
    text = " ".join(text.split())
    box = (left / size[0], top / size[1], right / size[0], bottom / size[1])
    return Line(text, box, confidence, is_clear(text, confidence, right - left, bottom - top))
