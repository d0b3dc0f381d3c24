"""tesseract, where the machine has it: the picture goes in by a pipe, a table of words comes out."""

import io
import logging
import os
import shutil
import subprocess

from PIL import Image

from ecoalign_agent.offline.brief import Box

_WORD = "5"
_SECONDS = 30.0


def program() -> str | None:
    """Where tesseract is; None: it is not on PATH."""
    return shutil.which("tesseract")


def read(picture: Image.Image) -> list[tuple[str, float, Box]]:
    """All text in an RGB picture as (text, confidence in [0, 1], box in pixels), a line each. Blocking.

    A program that is gone, fails or takes too long has read nothing; the log says so.
    """
    encoded = io.BytesIO()
    picture.save(encoded, "PNG", compress_level=1)
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program with fixed arguments; the picture goes in by a pipe
            [program() or "tesseract", "stdin", "stdout", "--psm", "11", "tsv"],
            input=encoded.getvalue(),
            capture_output=True,
            timeout=_SECONDS,
            check=True,
            env=os.environ | {"OMP_THREAD_LIMIT": "2"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        logging.getLogger(__name__).warning("tesseract could not read a picture: %s", error)
        return []
    return lines_of(done.stdout.decode("utf-8", "replace"))


def lines_of(table: str) -> list[tuple[str, float, Box]]:
    """The lines in tesseract's table of words; a line is as certain as its least certain word."""
    words: dict[tuple[str, ...], list[tuple[str, float, Box]]] = {}
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and cells[0] == _WORD and cells[11].strip() and float(cells[10]) >= 0:
            left, top, width, height = map(float, cells[6:10])
            word = (cells[11].strip(), float(cells[10]) / 100, (left, top, left + width, top + height))
            words.setdefault(tuple(cells[1:5]), []).append(word)
    return [_joined(line) for line in words.values()]


def _joined(line: list[tuple[str, float, Box]]) -> tuple[str, float, Box]:
    lefts, tops, rights, bottoms = zip(*(box for _, _, box in line), strict=True)
    text = " ".join(word for word, _, _ in line)
    return text, min(certainty for _, certainty, _ in line), (min(lefts), min(tops), max(rights), max(bottoms))
