"""Reading text in pictures: rapidocr where it is installed, else tesseract where it is on the machine, else none.

Engines are found when the first picture is read, never at import; rapidocr's models ride in its wheel and are named by
their files, so nothing is downloaded. One engine a process; it reads one picture at a time, with two threads.
"""

import importlib.util
import io
import logging
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.offline.brief import Box

Engine = Literal["auto", "rapidocr", "tesseract", "none"]
"""Which OCR engine to use; "auto" takes the first that is there."""

CLEAR_CONFIDENCE = 0.8
"""Recognition below this confidence is not trusted. Ours: measured on our own pictures."""

CLEAR_CHARACTER_WIDTH = 3.6
"""Pixels a character must have in width to be trusted: below it engines guess digits with high confidence. Ours, measured."""


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


Reader = Callable[[Image.Image], list[Line]]
"""Reads one RGB picture."""


def find_engine(engine: Engine) -> Literal["rapidocr", "tesseract", "none"]:
    """Which engine ``engine`` comes down to on this machine. Nothing is imported or started.

    Raises:
        ModelNameError: an engine asked for by name is not installed, or there is no such engine.
    """
    if engine not in {"auto", "rapidocr", "tesseract", "none"}:
        raise ModelNameError(f"OCR engine {engine!r}: there are auto, rapidocr, tesseract and none")
    if engine in {"auto", "rapidocr"} and _rapidocr_models() is not None:
        return "rapidocr"
    if engine in {"auto", "tesseract"} and shutil.which("tesseract"):
        return "tesseract"
    if engine == "rapidocr":
        raise ModelNameError("OCR engine rapidocr: not installed; pip install 'ecoalign-agent[offline]'")
    if engine == "tesseract":
        raise ModelNameError("OCR engine tesseract: not on PATH; install it, or use auto or none")
    return "none"


def is_clear(text: str, confidence: float, width: float, height: float) -> bool:
    """Whether a line can be trusted: the engine is certain, and its characters have enough pixels.

    Args:
        text: what was read.
        confidence: the engine's, in [0, 1].
        width: of the box, in pixels of the picture that was read.
        height: of the box, in pixels; the boxes leave a margin of about a third of it at either end.
    """
    return confidence >= CLEAR_CONFIDENCE and (width - 0.6 * height) / max(len(text), 1) >= CLEAR_CHARACTER_WIDTH


def read_lines(picture: Image.Image, engine: Literal["rapidocr", "tesseract", "none"]) -> list[Line]:
    """All text in an RGB picture, from top to bottom. Blocking: call it in a thread."""
    if engine == "none":
        return []
    reader = _rapid_reader() if engine == "rapidocr" else read_with_tesseract
    return sorted(reader(picture), key=lambda line: (line.box[1], line.box[0]))


def _rapidocr_models() -> tuple[Path, Path] | None:
    # The files are looked up without importing the package: that alone would load onnxruntime and OpenCV.
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None or importlib.util.find_spec("onnxruntime") is None:
        return None
    folder = Path(spec.origin).parent / "models"
    found = [sorted(folder.glob(pattern)) for pattern in ("*det*.onnx", "*rec*.onnx")]
    return (found[0][0], found[1][0]) if all(found) else None


_starting = threading.Lock()


def _rapid_reader() -> Reader:
    with _starting:
        return _started_rapid_reader()


@cache
def _started_rapid_reader() -> Reader:
    import numpy  # noqa: PLC0415 - heavy: only when a picture is read
    from rapidocr import RapidOCR  # noqa: PLC0415 - heavy: only when a picture is read

    models = _rapidocr_models()
    if models is None:
        raise ModelNameError("OCR engine rapidocr: not installed; pip install 'ecoalign-agent[offline]'")
    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    engine = RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.text_score": 0.0,  # uncertain lines are places worth a look, so they are kept
            "Global.use_cls": False,  # upright text only: turning every line costs as much as reading it
            "Det.model_path": str(models[0]),
            "Rec.model_path": str(models[1]),
            "Det.limit_type": "max",  # small pictures are not enlarged, large ones are shrunk to find their lines
            "Det.limit_side_len": 960,
            "EngineConfig.onnxruntime.intra_op_num_threads": 2,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    reading = threading.Lock()

    def read(picture: Image.Image) -> list[Line]:
        with reading:
            found: Any = engine(numpy.asarray(picture)[:, :, ::-1].copy())
        if getattr(found, "boxes", None) is None or getattr(found, "txts", None) is None:
            return []
        return [
            _line(text, float(score), _corners(corners), picture.size)
            for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
            if text.strip()
        ]

    return read


def _corners(corners: Any) -> Box:
    return tuple(float(edge) for edge in (*corners.min(axis=0), *corners.max(axis=0)))  # type: ignore[return-value] # two points of two numbers


def _line(text: str, confidence: float, pixels: Box, size: tuple[int, int]) -> Line:
    left, top, right, bottom = pixels
    text = " ".join(text.split())
    box = (left / size[0], top / size[1], right / size[0], bottom / size[1])
    return Line(text, box, confidence, is_clear(text, confidence, right - left, bottom - top))


def read_with_tesseract(picture: Image.Image, *, program: str = "tesseract", seconds: float = 30.0) -> list[Line]:
    """Read a picture with the tesseract on the machine; one that fails or takes too long has read nothing."""
    encoded = io.BytesIO()
    picture.save(encoded, "PNG", compress_level=1)
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program and fixed arguments; the picture goes in by a pipe
            [program, "stdin", "stdout", "--psm", "11", "tsv"],
            input=encoded.getvalue(),
            capture_output=True,
            timeout=seconds,
            check=True,
            env=_two_threads(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        logging.getLogger(__name__).warning("tesseract could not read a picture: %s", error)
        return []
    return _lines_of_tsv(done.stdout.decode("utf-8", "replace"), picture.size)


def _two_threads() -> dict[str, str]:
    import os  # noqa: PLC0415 - the child's environment only; nothing is configured from it

    return os.environ | {"OMP_THREAD_LIMIT": "2"}


def _lines_of_tsv(table: str, size: tuple[int, int]) -> list[Line]:
    words: dict[tuple[str, ...], list[tuple[str, float, Box]]] = {}
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and cells[0] == "5" and cells[11].strip() and float(cells[10]) >= 0:
            left, top, width, height = map(float, cells[6:10])
            word = (cells[11].strip(), float(cells[10]) / 100, (left, top, left + width, top + height))
            words.setdefault(tuple(cells[1:5]), []).append(word)
    lines = []
    for line in words.values():
        lefts, tops, rights, bottoms = zip(*(box for _, _, box in line), strict=True)
        pixels = (min(lefts), min(tops), max(rights), max(bottoms))
        confidence = min(certainty for _, certainty, _ in line)
        lines.append(_line(" ".join(text for text, _, _ in line), confidence, pixels, size))
    return lines
