"""Writes samples of a world to a folder: a line each, with pictures beside. Input of ``ecoalign synthesize``, too."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from ecoalign_agent.errors import UsageError
from ecoalign_agent.simulation.chance import SIMULATED_LABEL
from ecoalign_agent.simulation.drawing import picture_of
from ecoalign_agent.simulation.world import Sample

LINES = "metadata.jsonl"


def write_world(samples: Iterable[Sample], folder: str | Path, *, tell: Callable[[int], None] = lambda _: None) -> int:
    """Write samples to a new or empty folder.

    Args:
        samples: which.
        folder: gets ``metadata.jsonl`` and the pictures.
        tell: is told how many are written, after each.

    Returns:
        How many were written.

    Raises:
        UsageError: the folder holds something already, or can't be written.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise UsageError(f"{folder}: not empty; give a new folder")
        written = 0
        with (target / LINES).open("w", encoding="utf-8") as lines:
            for sample in samples:
                picture = picture_of(sample)
                if picture is not None:
                    (target / f"{sample.id}.png").write_bytes(picture)
                row = {name: value for name, value in sample.record.items() if value is not None}
                lines.write(json.dumps(row | {"simulated": SIMULATED_LABEL}, ensure_ascii=False) + "\n")
                written += 1
                tell(written)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}; give a folder that can be written") from error
    return written
