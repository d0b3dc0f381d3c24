"""Reading text in pictures: rapidocr where it is installed, else tesseract where it is on the machine, else none.

Engines are found when a model is built and started when the first picture is read, never at import. rapidocr's models
come inside its package and are named by their files, so that it never looks for others on the network.
"""

import importlib.util
import io
import logging
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.models.offline.layout import Corners, Piece

EngineChoice = Literal["auto", "rapidocr", "tesseract", "none"]
"""Which OCR engine to use; "auto" takes the first that is there."""

Engine = Literal["rapidocr", "tesseract", "none"]
"""An engine that is there, or none."""

MIN_CONFIDENCE = 0.8
"""Recognition below this confidence is not trusted. Ours, measured on our own pictures."""

MIN_CHARACTER_WIDTH = 3.6
"""Pixels a character must be wide to be trusted: below it engines guess digits with confidence. Ours, measured."""

_Found = tuple[str, float, Corners]
_TESSERACT_SECONDS = 30.0
_starting = threading.Lock()
_reading = threading.Lock()


def find_engine(choice: EngineChoice) -> Engine:
    """The engine that ``choice`` means on this machine. Nothing is imported or started.

    Raises:
        ModelNameError: an engine named is not installed, or there is no such engine.
    """
    if choice not in {"auto", "rapidocr", "tesseract", "none"}:
        raise ModelNameError(f"OCR engine {choice!r}: there are auto, rapidocr, tesseract and none")
    if choice in {"auto", "rapidocr"} and model_files() is not None:
        return "rapidocr"
    if choice in {"auto", "tesseract"} and shutil.which("tesseract") is not None:
        return "tesseract"
    if choice == "rapidocr":
        raise ModelNameError("OCR engine rapidocr: not installed; pip install 'ecoalign-agent[offline]'")
    if choice == "tesseract":
        raise ModelNameError("OCR engine tesseract: not on PATH; install it, or use auto or none")
    return "none"


def read_pieces(picture: Image.Image, engine: Engine) -> list[Piece]:
    """All text in an RGB picture, a piece for each line that the engine found. Blocking: call it in a thread."""
    if engine == "none":
        return []
    found = _read_rapidocr(picture) if engine == "rapidocr" else _read_tesseract(picture)
    pieces = [(" ".join(text.split()), confidence, corners) for text, confidence, corners in found]
    return [Piece(text, corners, is_clear(text, score, corners)) for text, score, corners in pieces if text]


def is_clear(text: str, confidence: float, corners: Corners) -> bool:
    """Whether a piece can be trusted: the engine is certain, and its characters have enough pixels.

    Args:
        text: what was read.
        confidence: the engine's, in [0, 1].
        corners: of its box in pixels; boxes leave a margin of about a third of their height at either end.
    """
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    width = max(xs) - min(xs) - 0.6 * (max(ys) - min(ys))
    return confidence >= MIN_CONFIDENCE and width / max(len(text), 1) >= MIN_CHARACTER_WIDTH


@cache
def model_files() -> tuple[Path, Path] | None:
    """The models that find and read lines; None: rapidocr, its models or onnxruntime are not installed."""
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None or importlib.util.find_spec("onnxruntime") is None:
        return None
    folder = Path(spec.origin).parent / "models"
    detecting, reading = sorted(folder.glob("*det*.onnx")), sorted(folder.glob("*rec*.onnx"))
    return (detecting[0], reading[0]) if detecting and reading else None


@cache
def _rapidocr() -> Callable[[Any], Any]:
    # onnxruntime reports its use to its maker unless this is set before it is loaded: this model uses no network.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from rapidocr import RapidOCR  # noqa: PLC0415 - heavy: only when a picture is read

    models = model_files()
    if models is None:
        raise ModelNameError("OCR engine rapidocr: not installed; pip install 'ecoalign-agent[offline]'")
    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    engine: Callable[[Any], Any] = RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.text_score": 0.0,  # uncertain lines are places worth a look, so they stay
            "Global.use_cls": False,  # upright text only: turning every line costs as much as reading it
            "Det.model_path": str(models[0]),
            "Rec.model_path": str(models[1]),
            "Det.limit_type": "max",  # small pictures are not enlarged, large ones are shrunk to find their lines
            "Det.limit_side_len": 736,
            "EngineConfig.onnxruntime.intra_op_num_threads": 2,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    return engine


def _read_rapidocr(picture: Image.Image) -> list[_Found]:
    import numpy as np  # noqa: PLC0415 - heavy: only when a picture is read

    with _starting:
        engine = _rapidocr()
    pixels = np.asarray(picture)[:, :, ::-1].copy()
    with _reading:
        found = engine(pixels)
    if getattr(found, "boxes", None) is None or getattr(found, "txts", None) is None:
        return []
    return [
        (str(text), float(score), tuple((float(x), float(y)) for x, y in corners))
        for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
    ]


def _read_tesseract(picture: Image.Image) -> list[_Found]:
    """A program that is gone, fails or takes too long has read nothing; the log says so."""
    encoded = io.BytesIO()
    picture.save(encoded, "PNG", compress_level=1)
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program with fixed arguments; the picture goes in by a pipe
            [shutil.which("tesseract") or "tesseract", "stdin", "stdout", "--psm", "11", "tsv"],
            input=encoded.getvalue(),
            capture_output=True,
            timeout=_TESSERACT_SECONDS,
            check=True,
            env=os.environ | {"OMP_THREAD_LIMIT": "2"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        logging.getLogger(__name__).warning("tesseract could not read a picture: %s", error)
        return []
    return tesseract_lines(done.stdout.decode("utf-8", "replace"))


def tesseract_lines(table: str) -> list[_Found]:
    """The lines in tesseract's table of words; a line is as certain as its least certain word."""
    lines: dict[tuple[str, ...], list[tuple[str, float, float, float, float, float]]] = {}
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and cells[0] == "5" and cells[11].strip() and float(cells[10]) >= 0:
            left, top, width, height = map(float, cells[6:10])
            word = (cells[11].strip(), float(cells[10]) / 100, left, top, left + width, top + height)
            lines.setdefault(tuple(cells[1:5]), []).append(word)
    found: list[_Found] = []
    for words in lines.values():
        texts, scores, lefts, tops, rights, bottoms = zip(*words, strict=True)
        left, top, right, bottom = min(lefts), min(tops), max(rights), max(bottoms)
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        found.append((" ".join(texts), min(scores), corners))
    return found
