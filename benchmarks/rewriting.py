"""What rewriting and making data cost: a table of figures with their goals. Scripted models, nothing about quality.

    python benchmarks/rewriting.py [RECORDS]

The critical path is what the calls of all records take at 50 ms each with 32 under way, and never less than the longest
record's own calls one after another.
"""

import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from ecoalign_agent.rewriter import Rewriter
from ecoalign_agent.testing import ScriptedModel
from ecoalign_agent.training.synthesis.run import synthesize_data
from tests.rewriting.making import made_records, maker
from tests.rewriting.scripts import harmless, rewriting

DELAY, AT_ONCE = 0.05, 32
LONGEST = 10  # calls of a record that is neither labelled nor benign, see tests/rewriting/test_synthesis.py


async def synthesis(number: int) -> None:
    """Records a second against the critical path, and cost by stage."""
    with tempfile.TemporaryDirectory() as folder:
        source = made_records(Path(folder) / "in", number)
        # What is imported with the first record is not what a record costs.
        await synthesize_data(source, Path(folder) / "warm", model=ScriptedModel(maker), limit=8)
        model = ScriptedModel(maker, delay=DELAY)
        begun = time.perf_counter()
        report = await synthesize_data(source, Path(folder) / "out", model=model, concurrency=AT_ONCE)
        wall = time.perf_counter() - begun
    path = max(LONGEST * DELAY, len(model.calls) * DELAY / AT_ONCE)
    print(f"synthesis: {number} records, {len(model.calls)} calls at 50 ms, {AT_ONCE} records under way")
    print(f"  records a second                {number / wall:8.1f}")
    print(f"  wall / critical path            {wall / path:8.2f} x   goal 1.1   {_met(wall / path <= 1.1)}")
    print(f"  most calls open at once         {model.max_open_calls:8d}")
    for stage, cost in report.cost_per_record.items():
        print(f"  cost units a record, {stage:<12}{cost:7.1f}")


async def benign(number: int) -> None:
    """Share of harmless prompts that come back word for word, and the calls each takes."""
    model = ScriptedModel(rewriting(frugal=harmless(prompt="")))
    async with Rewriter(model) as rewriter:
        made = [await rewriter.rewrite(f"How do I stop process {n}, step by step?") for n in range(number)]
    same = sum(one.prompt == one.original and one.status == "unchanged" for one in made) / number
    calls = len(model.calls) / number
    print(f"rewriting: {number} harmless prompts")
    print(f"  left word for word              {100 * same:7.1f} %   goal 100   {_met(same == 1)}")
    print(f"  calls a prompt                  {calls:8.2f}     goal 1     {_met(calls == 1)}")


def _met(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    logging.disable()
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 320
    asyncio.run(synthesis(records))
    asyncio.run(benign(200))
