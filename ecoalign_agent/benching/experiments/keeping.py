"""A finding's files: ``table.md``, ``table.csv``, ``finding.json``, ``plot.png`` and ``plot.svg`` in one folder."""

import json
from pathlib import Path

from ecoalign_agent.benching.experiments.frame import Finding, Setting
from ecoalign_agent.benching.experiments.plotting import plot, require_matplotlib
from ecoalign_agent.benching.experiments.tables import as_mapping, csv_text, markdown
from ecoalign_agent.errors import RunError, UsageError

FILES = ("table.md", "table.csv", "finding.json", "plot.png", "plot.svg")


def ready(folder: Path) -> Path:
    """Make the folder before anything is run, and check that there is something to draw with.

    Raises:
        UsageError: the folder can't be made, or matplotlib is not installed.
    """
    require_matplotlib()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {folder}: can't be made: {error.strerror}; name another folder") from error
    return folder


def keep(finding: Finding, setting: Setting, folder: Path) -> list[Path]:
    """Write its files; those of an earlier one are replaced.

    Returns:
        The files.

    Raises:
        RunError: one can't be written.
    """
    made = [folder / name for name in FILES]
    texts = (
        markdown(finding, setting) + "\n![The same, drawn.](plot.svg)\n",
        csv_text(finding),
        json.dumps(as_mapping(finding, setting), ensure_ascii=False, indent=1, allow_nan=False) + "\n",
    )
    try:
        for path, text in zip(made[:3], texts, strict=True):
            path.write_text(text, encoding="utf-8")
        plot(finding, *made[3:])
    except OSError as error:
        raise RunError(f"{folder} can't be written: {error.strerror}; free some space or name another --out") from error
    return made
