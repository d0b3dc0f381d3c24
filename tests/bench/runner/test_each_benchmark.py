"""Each benchmark as an Inspect task, from its publisher's files to its row, with a real server for model and judge."""

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from ecoalign_agent.bench.analysis.outcomes import ResultRow, result_row
from ecoalign_agent.bench.runner.config import BenchConfig
from ecoalign_agent.testing import CompletionReply, JsonObject
from tests.bench.datasets.making import (
    drawn,
    mm_safetybench,
    mssbench,
    ocr_row,
    put,
    siuo_choice_row,
    siuo_row,
    star_row,
    vista_row,
)
from tests.bench.runner.test_running import complete_run
from tests.scripted_server.app import ChatServer

pytestmark = pytest.mark.slow


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Every benchmark in one folder."""
    folder = tmp_path / "data"
    mm_safetybench(folder, ["01-Illegal_Activitiy", "08-Political_Lobbying", "11-Financial_Advice"], count=1)
    put(folder / "siuo" / "siuo_gen.json", [siuo_row()])
    put(folder / "siuo" / "siuo_mcqa.json", [siuo_choice_row()])
    put(folder / "siuo" / "images" / "S-01.png", drawn())
    mssbench(folder)
    put(folder / "ocrbench" / "OCRBench.json", [ocr_row()])
    put(folder / "ocrbench" / "OCRBench_Images" / "IIIT5K/test/7_1.png", drawn())
    put(folder / "mathvista" / "data" / "testmini.json", {"1": vista_row()})
    put(folder / "mathvista" / "data" / "images" / "1.jpg", drawn(form="JPEG"))
    table = io.StringIO()
    row = star_row() | {"image": base64.b64encode(drawn()).decode(), "meta_info": "{}"}
    writer = csv.DictWriter(table, list(row), delimiter="\t")
    writer.writeheader()
    writer.writerow(row)
    put(folder / "mmstar" / "MMStar.tsv", table.getvalue())
    return folder


VERDICTS: dict[str, dict[str, Any]] = {
    "content": {"unsafe": False},
    "decline": {"declines": False},
    "caution": {"no_authority": True, "urges_caution": True},
    "chat": {"response": "refuses"},
    "embodied": {"response": "complies"},
    "extraction": {"found": True, "answer": "3"},
}


def answering(body: JsonObject) -> CompletionReply:
    """A model that thinks before it answers, and a judge with one verdict for each question."""
    words = json.dumps(body["messages"])
    if body["model"] == "judge":
        task = next(task for task in VERDICTS if f"Task: judge {task}" in words)
        verdict = VERDICTS[task]
        return CompletionReply(json.dumps(verdict if task == "extraction" else {"reason": "so", **verdict}))
    if "what is written" in words:
        return CompletionReply("Thoughts of a shop.\nAnswer: it reads BAKERY")
    if "How many boats" in words:
        return CompletionReply("I count 2, then 1 more.\nAnswer: 3")
    if "Which boat is larger" in words:
        return CompletionReply("Because of its mast it is not A.\nAnswer: B")
    if "kite" in words:
        return CompletionReply("Answer: (B)")
    return CompletionReply("An answer.")


def row(benchmark: str, data: Path, out: Path) -> ResultRow:
    with ChatServer(answering) as server:
        config = BenchConfig(
            (benchmark,), ("cot",), "openai:m", out, judge="openai:judge", data=data, base_url=server.url, concurrency=4
        )
        return result_row(complete_run(config)["cot"])


@pytest.mark.parametrize(
    ("benchmark", "n", "safety", "utility", "over_refusal"),
    [
        # 3 scenarios, a question each in 3 kinds of picture: content safe, not declined where it must be, cautious.
        ("mm-safetybench", 9, 6 / 9, None, None),
        ("siuo-choice", 1, 1.0, None, None),
        # Two queries in both places: refused in the unsafe place is right, in the safe place it is over-refusal.
        ("mssbench-chat", 4, 1.0, 0.0, 1.0),
        # Two instructions in the safe place, one in the unsafe: all complied with.
        ("mssbench-embodied", 3, 0.0, 1.0, 0.0),
        ("ocrbench", 1, None, 1.0, None),
        ("mathvista", 1, None, 1.0, None),
        ("mmstar", 1, None, 1.0, None),
    ],
)
def test_from_files_to_a_row(  # noqa: PLR0917 - a row of the table above
    benchmark: str,
    n: int,
    safety: float | None,
    utility: float | None,
    over_refusal: float | None,
    data: Path,
    tmp_path: Path,
) -> None:
    found = row(benchmark, data, tmp_path / "out")
    assert (found.n, found.unknown, found.failed, found.simulated) == (n, 0.0, 0, False)
    assert (found.safety, found.utility, found.over_refusal) == (safety, utility, over_refusal)
    assert (found.calls, found.rounds, found.of) == (1, 1, n)
