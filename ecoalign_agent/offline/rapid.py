"""rapidocr: found without being imported, started once, one picture at a time, two threads, nothing downloaded.

Its models ride in its wheel and are named to it by their files, so that it never looks for others on the network.
Ours: the settings are measured on our own pictures.
"""

import importlib.util
import logging
import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.offline.brief import Box

Found = list[tuple[str, float, Box]]
"""Text, confidence in [0, 1], and box in pixels."""

_starting = threading.Lock()
_reading = threading.Lock()


@cache
def model_files() -> tuple[Path, Path] | None:
    """The models that find and read lines; None: rapidocr, its models or onnxruntime are not installed."""
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None or importlib.util.find_spec("onnxruntime") is None:
        return None
    folder = Path(spec.origin).parent / "models"
    detecting, reading = sorted(folder.glob("*det*.onnx")), sorted(folder.glob("*rec*.onnx"))
    return (detecting[0], reading[0]) if detecting and reading else None


def read(picture: Image.Image) -> Found:
    """All text in an RGB picture. Blocking."""
    import numpy as np  # noqa: PLC0415 - heavy: only when a picture is read

    with _starting:
        engine = _engine()
    pixels = np.asarray(picture)[:, :, ::-1].copy()
    with _reading:
        found = engine(pixels)
    if getattr(found, "boxes", None) is None or getattr(found, "txts", None) is None:
        return []
    return [
        (str(text), float(score), _around(corners))
        for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
    ]


@cache
def _engine() -> Callable[[Any], Any]:
    # onnxruntime reports its use to its maker unless it is told not to before it is loaded: this model uses no network.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from rapidocr import RapidOCR  # noqa: PLC0415 - heavy: only when a picture is read

    models = model_files()
    if models is None:
        raise ModelNameError("OCR engine rapidocr: not installed; pip install 'ecoalign-agent[offline]'")
    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    engine: Callable[[Any], Any] = RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.text_score": 0.0,  # uncertain lines are places worth a look, so they are kept
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


def _around(corners: Any) -> Box:  # noqa: ANN401 - an array of numpy, which is not imported here
    xs, ys = [float(x) for x, _ in corners], [float(y) for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)
