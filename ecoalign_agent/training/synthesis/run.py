"""One run of synthesis: read, compare, send every record through the stages, write.

Making training data for the rewriter: from names of models and files to a folder of records.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from ecoalign_agent.assessors.registry import combine_assessors
from ecoalign_agent.errors import EcoAlignError, ImageError, RunError, UsageError
from ecoalign_agent.events.result import Record
from ecoalign_agent.factory import AssessorChoice, assessor_endpoints, build_assessors, build_endpoint
from ecoalign_agent.images.store import ImageStore
from ecoalign_agent.settings import settings_with
from ecoalign_agent.training.run_folder import Journal, prepared
from ecoalign_agent.training.synthesis.near_duplicates import Seen, evaluation_sets, perceptual_hash
from ecoalign_agent.training.synthesis.output import Finished, Written, kept_image, write_output
from ecoalign_agent.training.synthesis.policy import STAGES, SynthesisDesk, SynthesisPolicy
from ecoalign_agent.training.synthesis.records import InputRecord, UnusableLine, read_records
from ecoalign_agent.training.synthesis.stages import build_synthesis_graph

GIVES_UP = 8
"""Records in a row whose endpoint failed, after which a run ends: each had its own retries."""


class Progress(Record):
    """How far a run is.

    Attributes:
        done: records that came to their end in this run or before.
        of: all of them.
        kept: those not dropped.
        cost: cost units spent in this run.
        rate: records a second, of those that needed a call.
        left: seconds that the rest will take at that rate; None: not known yet.
    """

    done: int
    of: int
    kept: int
    cost: float
    rate: float
    left: float | None


class SynthesisReport(Record):
    """What a run came to, as ``--json`` prints it.

    Attributes:
        folder: where the data are.
        rows: training examples.
        benign: those among them that are left alone.
        dropped: reason → records.
        excluded: records left out because they occur in an evaluation set.
        duplicates: near-duplicates left out.
        unusable: lines of the input that no record could be made of.
        cost: cost units spent in this run.
        cost_by_stage: stage → cost units of all records, earlier runs included.
        cost_per_record: stage → mean cost units over the records that went through it.
        calls: calls made in this run.
        resumed: stages taken over from an earlier run, unpaid.
        seconds: how long this run took.
        models: who did what.
        prompts: name@version#digest of every prompt.
    """

    folder: str
    rows: int
    benign: int
    dropped: dict[str, int]
    excluded: int
    duplicates: int
    unusable: int
    cost: float
    cost_by_stage: dict[str, float]
    cost_per_record: dict[str, float]
    calls: int
    resumed: int
    seconds: float
    models: dict[str, str]
    prompts: list[str]


@dataclass(slots=True)
class _Tally:
    """What this run did so far."""

    of: int
    begun: float
    tell: Callable[[Progress], None]
    done: int = 0
    kept: int = 0
    worked: int = 0
    cost: float = 0.0
    calls: int = 0
    resumed: int = 0
    failures: int = 0
    last: str = ""
    finished: dict[str, Finished] = field(default_factory=dict)

    def add(self, done: Finished, fresh: Sequence[dict[str, Any]], *, resumed: int) -> None:
        """Count a record that came to its end."""
        self.finished[done.record.id] = done
        self.done += 1
        self.kept += done.dropped is None
        self.worked += bool(fresh)
        self.cost += sum(entry["cost"] for entry in fresh)
        self.calls += sum(entry["calls"] for entry in fresh)
        self.resumed += resumed
        self.last = done.dropped or self.last
        rate = self.worked / max(1e-9, time.monotonic() - self.begun)
        left = (self.of - self.done) / rate if self.worked else None
        self.tell(Progress(done=self.done, of=self.of, kept=self.kept, cost=self.cost, rate=rate, left=left))


async def synthesize(
    desk: SynthesisDesk,
    records: Sequence[InputRecord],
    folder: Path,
    *,
    evaluation: Seen | None = None,
    unusable: Sequence[UnusableLine] = (),
    at_once: int = 32,
    tell: Callable[[Progress], None] = lambda _: None,
) -> SynthesisReport:
    """Make training data of records; what an earlier run into the same folder paid for is taken over.

    Args:
        desk: models, rules, journal.
        records: what came in.
        folder: where the data go; it exists.
        evaluation: what must not be learnt from.
        unusable: lines that no record could be made of.
        at_once: records under way at the same time.
        tell: hears how far the run is.

    Raises:
        RunError: the disk is full; what was finished is kept.
    """
    begun = time.monotonic()
    tally = _Tally(len(records), begun, tell)
    graph = build_synthesis_graph(desk).compile(name="synthesis")
    places = asyncio.Semaphore(at_once)
    sieve = _Sieve(desk.image_store, evaluation)
    trouble: BaseException | None = None

    async def one(record: InputRecord, image: bytes | None) -> None:
        try:
            if tally.failures >= GIVES_UP:
                return
            keys = {stage: entry["key"] for stage in STAGES if (entry := desk.journal.entries.get((record.id, stage)))}
            asked: Any = {"record": record, "image": image}
            state = await graph.ainvoke(asked)
            outputs = state.get("outputs", {})
            fresh = [entry for stage, entry in outputs.items() if keys.get(stage) != entry["key"]]
            # A record that needed no call says nothing of the endpoint.
            if state.get("failed") or any(entry["calls"] for entry in fresh):
                tally.failures = tally.failures + 1 if state.get("failed") else 0
            dropped = state.get("dropped")
            name = None
            if image is not None and dropped is None:
                name = await asyncio.to_thread(kept_image, folder, image)
            done = Finished(record, name, outputs, dropped)
            tally.add(done, fresh, resumed=len(outputs) - len(fresh))
        finally:
            places.release()

    try:
        async with asyncio.TaskGroup() as group:
            for record in records:
                # Sieved one after another, while the calls of those before are under way.
                image, dropped = await sieve.passed(record)
                if dropped is not None:
                    tally.add(Finished(record, None, {}, dropped), (), resumed=0)
                    continue
                await places.acquire()
                group.create_task(one(record, image))
    except* EcoAlignError as failed:
        trouble = failed.exceptions[0]
    if trouble is not None:
        # Of several that failed alike one is told: a full disk is full for all of them.
        raise trouble
    if tally.failures >= GIVES_UP:
        raise RunError(
            f"{GIVES_UP} records in a row failed at their endpoint, the last with: {tally.last}; "
            f"{tally.done - tally.failures} of {tally.of} are finished and kept: run the same command again"
        )
    finished = [tally.finished[record.id] for record in records]
    who = {"models": desk.models, "prompts": list(desk.labels)}
    written = await asyncio.to_thread(write_output, folder, finished, who, card(desk), unusable)
    return _report(desk, finished, written, tally).model_copy(
        update={"folder": str(folder), "unusable": len(unusable), "seconds": round(time.monotonic() - begun, 3)}
    )


class _Sieve:
    """What of the input is worth a call: pictures that can be used, no near-duplicates, nothing to be tested on."""

    def __init__(self, image_store: ImageStore, evaluation: Seen | None) -> None:
        self._image_store = image_store
        self._evaluation = evaluation
        self._before = Seen("the records before")

    async def passed(self, record: InputRecord) -> tuple[bytes | None, str | None]:
        """The picture's bytes, checked before it is decoded; and why the record is left out, or None."""
        image: bytes | None = None
        if record.image is not None:
            try:
                image = (await self._image_store.open(record.image)).data
            except ImageError as error:
                return None, f"the picture can't be used: {error}"
        return image, await asyncio.to_thread(self._left_out, record, image)

    def _left_out(self, record: InputRecord, image: bytes | None) -> str | None:
        picture = perceptual_hash(image)
        if self._evaluation is not None and (
            twin := self._evaluation.like(record.instruction, picture, text_alone=True)
        ):
            return f"excluded: occurs in an evaluation set ({twin})"
        if twin := self._before.like(record.instruction, picture):
            return f"near-duplicate: of {twin}"
        self._before.add(record.id, record.instruction, picture)
        return None


def _report(desk: SynthesisDesk, finished: Sequence[Finished], written: Written, tally: _Tally) -> SynthesisReport:
    by_stage = {stage: [done.outputs[stage]["cost"] for done in finished if stage in done.outputs] for stage in STAGES}
    return SynthesisReport(
        folder="",
        rows=written.rows,
        benign=written.benign,
        dropped=dict(written.dropped),
        excluded=written.dropped.get("excluded", 0),
        duplicates=written.dropped.get("near-duplicate", 0),
        unusable=0,
        cost=tally.cost,
        cost_by_stage={stage: sum(costs) for stage, costs in by_stage.items() if costs},
        cost_per_record={stage: sum(costs) / len(costs) for stage, costs in by_stage.items() if costs},
        calls=tally.calls,
        resumed=tally.resumed,
        seconds=0.0,
        models=desk.models,
        prompts=list(desk.labels),
    )


def card(desk: SynthesisDesk) -> str:
    """The data card: what the data are, how they were made, what they are not."""
    models = "".join(f"- {role}: {name}\n" for role, name in desk.models.items())
    prompts = "".join(f"- {label}\n" for label in desk.labels)
    policy = desk.policy
    return f"""
## What it is

Examples for a multimodal prompt rewriter: a question with its picture in, an analysis of what could go wrong and a new
question out; for a benign question, that it stays as it is. In the conversational prompt-completion form that TRL's
SFTTrainer reads: `data.jsonl` with pictures as files, `data.parquet` with pictures inside. The template stands in
`ecoalign_agent/rewriting/template.py`.

## How it was made

By the three stages of VLMGuard-R1 (hindsight analysis, multimodal causal analysis, prompt optimisation) and a
verification of ours: the target answered every new question, and the answer had to be graded {policy.safe_from:g} or
safer and {policy.useful_from:g} or more useful.

{models}
{prompts}
`provenance.jsonl` holds every stage's output, `dropped.jsonl` what was left out and why.

## What to know

- Answers that were judged unsafe are recorded in `provenance.jsonl` and nowhere else. Do not publish that file unread.
- A model judged: its mistakes are in here. Read a sample before you train.
- The licences of the source questions and pictures hold for this data too.
"""


async def synthesize_data(
    source: str | Path,
    folder: str | Path,
    *,
    model: str | BaseChatModel | None = None,
    target: str | BaseChatModel | None = None,
    assessor: AssessorChoice | Sequence[AssessorChoice] | None = None,
    base_url: str | None = None,
    policy: SynthesisPolicy | None = None,
    exclude: Sequence[str | Path] = (),
    limit: int | None = None,
    at_once: int = 32,
    prompts: str | None = None,
    tell: Callable[[Progress], None] = lambda _: None,
) -> SynthesisReport:
    """Make training data; what an earlier run into the same folder paid for is not paid again.

    Args:
        source: a ``.jsonl`` or ``.parquet`` file, or a folder with ``metadata.jsonl``.
        folder: where the data go: a new or empty folder, or one of an earlier run.
        model: who analyses and rewrites. None: ``ECOALIGN_MODEL``.
        target: the model the rewrites are for; it samples and answers. None: the same model.
        assessor: who grades answers; of several the lowest grade counts. None: the same model, and the card says so.
        base_url: of an OpenAI-compatible server; holds for all of them.
        policy: budget, samples, thresholds.
        exclude: evaluation sets; what occurs in them is left out.
        limit: records at most.
        at_once: records under way at the same time.
        prompts: a folder whose prompts replace the shipped ones of the same name.
        tell: hears how far the run is.

    Raises:
        UsageError: source, folder or a set to exclude can't be used, or a model can't be built; nothing was spent.
        RunError: the disk is full, or an endpoint failed again and again; what was finished is kept.
    """
    _require_extra()
    settings = settings_with(base_url=base_url)
    chosen = model if model is not None else settings.model
    maker = build_endpoint(chosen, settings)
    answering = maker if target is None else build_endpoint(target, settings)
    choices: list[AssessorChoice] = [chosen]
    if assessor is not None:
        choices = list(assessor) if isinstance(assessor, Sequence) and not isinstance(assessor, str) else [assessor]
    judges = build_assessors(choices, settings, actor=(chosen, maker), prompts=prompts)
    policy = policy or SynthesisPolicy()
    records, unusable = read_records(source)
    records = records if limit is None else records[:limit]
    evaluation = evaluation_sets(exclude) if exclude else None
    told = {"source": str(source), "model": maker.name, "target": answering.name, "assessor": [j.name for j in judges]}
    rules = {"policy": str(policy), "limit": limit, "exclude": [str(file) for file in exclude]}
    path = prepared(folder, told | rules, mark="synthesis.json", checked_inside="journal.jsonl")
    desk = SynthesisDesk(
        maker, answering, combine_assessors(judges), Journal.opened(path / "journal.jsonl"), policy, prompts=prompts
    )
    try:
        return await synthesize(
            desk, records, path, evaluation=evaluation, unusable=unusable, at_once=at_once, tell=tell
        )
    finally:
        for endpoint in {id(one): one for one in (maker, answering, *assessor_endpoints(judges))}.values():
            await endpoint.aclose()


def _require_extra() -> None:
    """See that the data can be written in the end, before anything is paid for or a folder is made."""
    for name in ("pyarrow", "imagehash"):
        if find_spec(name) is None:
            raise UsageError(f"making data needs {name}: pip install 'ecoalign-agent[data]'")
