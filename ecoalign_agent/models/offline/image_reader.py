"""Text, size and main colours of pictures; text is read by rapidocr where it is installed.

It is started with the first picture, never at import. Its models come inside its package and are named by their files,
so that it looks for none on the network.
"""

import hashlib
import importlib.util
import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from cachetools import LRUCache, cached
from PIL import Image

from ecoalign_agent.errors import ImageError, ModelNameError
from ecoalign_agent.images.decoding import decode_image, read_header
from ecoalign_agent.models.offline.layout import Corners, Piece, Row, join_rows
from ecoalign_agent.models.offline.questions import load_lists

Engine = Literal["rapidocr", "none"]
"""The OCR engine, or none."""

EngineChoice = Literal["auto", "rapidocr", "none"]
"""The OCR engine to use; "auto" takes rapidocr where it is installed."""

UNREAD = "unclear to read"
"""Stands in a caption where there is text that could not be read."""

MIN_CONFIDENCE = 0.8
"""Recognition below this confidence is not trusted. Ours, measured on our own pictures."""

MIN_CHARACTER_WIDTH = 3.6
"""Pixels a character must be wide to be trusted: below it engines guess digits with confidence. Ours, measured."""

_MIN_SHARE = 0.04
_PLAIN_CONTRAST = 24
_NAME = "a picture in the message"
_engine_lock, _cache_lock = Lock(), Lock()


@dataclass(frozen=True, slots=True)
class ImageContent:
    """The content of one picture; its size in pixels, its main colours by name."""

    rows: tuple[Row, ...] = ()
    """Its text from top to bottom, unclear rows included."""
    width: int = 0
    """0: it could not be decoded."""
    height: int = 0
    colours: tuple[str, ...] = ()
    plain: bool = True
    """Nothing is drawn on it: its brightness hardly changes."""
    engine: Engine = "none"

    @property
    def clear(self) -> list[Row]:
        """The rows that can be trusted."""
        return [row for row in self.rows if row.clear]

    @property
    def unclear(self) -> list[Row]:
        """The rows that are too small or too uncertain to be trusted."""
        return [row for row in self.rows if not row.clear]

    @property
    def caption(self) -> str:
        """Size, text and colours in two sentences."""
        if not self.width:
            return "A picture that could not be decoded."
        text = "no text found" if self.engine != "none" else "no OCR: its text was not read"
        if self.rows:
            tallest = max(self.rows, key=lambda row: row.height)
            text = "1 line of text" if len(self.rows) == 1 else f"{len(self.rows)} lines of text"
            text += f', the largest "{tallest.text}"' if tallest.clear else ""
            text += f"; {len(self.unclear)} of them too small or {UNREAD}" if self.unclear else ""
        colours = ", ".join(self.colours) or "mixed"
        return f"A picture of {self.width} × {self.height} pixels; {text}. Main colours: {colours}."


def caption_of(contents: Sequence[ImageContent]) -> str:
    """The captions of all pictures, numbered where there are several."""
    captions = [content.caption for content in contents]
    if len(captions) > 1:
        return " ".join(f"Picture {number}: {caption}" for number, caption in enumerate(captions))
    return captions[0] if captions else "No picture was sent."


def _image_key(data: bytes | None, engine: Engine) -> tuple[bytes, Engine]:
    return hashlib.sha256(data or b"").digest(), engine


_contents: LRUCache[tuple[bytes, Engine], ImageContent] = LRUCache(128)


def is_read(data: bytes | None, engine: Engine) -> bool:
    """Whether :func:`read_image` has this picture at hand and needs no OCR."""
    return not data or _image_key(data, engine) in _contents


@cached(_contents, key=_image_key, lock=_cache_lock)
def read_image(data: bytes | None, engine: Engine) -> ImageContent:
    """Read one encoded picture, or recall it by its digest. Blocking. Data that is no picture has no content."""
    try:
        header, mime = read_header(data or b"", _NAME)
        picture, _ = decode_image(header, _NAME, mime)
    except ImageError:
        return ImageContent()
    rows = join_rows(read_pieces(picture, engine), picture.width, picture.height)
    darkest, lightest = picture.convert("L").getextrema()
    plain = float(lightest) - float(darkest) < _PLAIN_CONTRAST  # type: ignore[arg-type]  # of one band: two numbers
    return ImageContent(tuple(rows), picture.width, picture.height, main_colours(picture), plain, engine)


def main_colours(picture: Image.Image, *, max_colours: int = 4) -> tuple[str, ...]:
    """Names of the main colours of an RGB picture, the most common first; one below 4 % is left out."""
    small = picture.resize((min(64, picture.width), min(64, picture.height)), Image.Resampling.NEAREST).quantize(24)
    shades = iter(small.getpalette("RGB") or [])
    counts = Counter[str]()
    for shade, count in zip(zip(shades, shades, shades, strict=True), small.histogram(), strict=False):
        if count:
            counts[colour_name(shade)] += count
    least = _MIN_SHARE * small.width * small.height
    return tuple(name for name, count in counts.most_common(max_colours) if count >= least)


def colour_name(colour: tuple[int, int, int]) -> str:
    """The name of the nearest colour, by the distance of red, green and blue."""
    named: dict[str, list[int]] = load_lists("questions.toml")["colours"]
    return min(named, key=lambda name: sum((a - b) ** 2 for a, b in zip(named[name], colour, strict=True)))


def find_engine(choice: EngineChoice) -> Engine:
    """The engine that ``choice`` means on this machine. Nothing is imported or started.

    Raises:
        ModelNameError: an engine named is not installed, or there is no such engine.
    """
    if choice not in {"auto", "rapidocr", "none"}:
        raise ModelNameError(f"OCR engine {choice!r}: there are auto, rapidocr and none")
    if choice != "none" and _model_files():
        return "rapidocr"
    if choice == "rapidocr":
        raise ModelNameError("OCR engine rapidocr: not installed; pip install 'ecoalign-agent[offline]'")
    return "none"


def read_pieces(picture: Image.Image, engine: Engine) -> list[Piece]:
    """All text in an RGB picture, a piece for each line that the engine found. Blocking."""
    if engine == "none":
        return []
    import numpy as np  # noqa: PLC0415 - heavy: only when a picture is read

    with _engine_lock:
        found = _rapidocr()(np.asarray(picture)[:, :, ::-1].copy())
    if getattr(found, "boxes", None) is None or getattr(found, "txts", None) is None:
        return []
    pieces = []
    for box, line, score in zip(found.boxes, found.txts, found.scores, strict=True):
        corners, text = tuple((float(x), float(y)) for x, y in box), " ".join(str(line).split())
        pieces += [Piece(text, corners, is_clear(text, float(score), corners))] if text else []
    return pieces


def is_clear(text: str, confidence: float, corners: Corners) -> bool:
    """Whether the engine is certain and the characters have enough pixels.

    Boxes leave a margin of about a third of their height at either end.
    """
    xs, ys = zip(*corners, strict=True)
    width = max(xs) - min(xs) - 0.6 * (max(ys) - min(ys))
    return confidence >= MIN_CONFIDENCE and width / max(len(text), 1) >= MIN_CHARACTER_WIDTH


@cache
def _model_files() -> list[str]:
    """The models that find and read lines; empty: rapidocr, its models or onnxruntime are not installed."""
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None or importlib.util.find_spec("onnxruntime") is None:
        return []
    folder = Path(spec.origin).parent / "models"
    files = [str(min(folder.glob(f"*{task}*.onnx"), default="")) for task in ("det", "rec")]
    return files if all(files) else []


@cache
def _rapidocr() -> Callable[[Any], Any]:
    # onnxruntime reports its use to its maker unless this is set before it is loaded: this model uses no network.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from rapidocr import RapidOCR  # noqa: PLC0415 - heavy: only when a picture is read

    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    finder, reader = _model_files()
    engine: Callable[[Any], Any] = RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.text_score": 0.0,  # uncertain lines are places worth a look, so they stay
            "Global.use_cls": False,  # upright text only: turning every line costs as much as reading it
            "Det.model_path": finder,
            "Rec.model_path": reader,
            "Det.limit_type": "max",  # small pictures are not enlarged, large ones are shrunk to find their lines
            "Det.limit_side_len": 736,
            "EngineConfig.onnxruntime.intra_op_num_threads": 2,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    return engine
