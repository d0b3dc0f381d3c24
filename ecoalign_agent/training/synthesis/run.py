"""Training data for the rewriter: read, filter, send every record through the stages, write a folder of records."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from ecoalign_agent.assessors.registry import AssessorChoice, combine_assessors
from ecoalign_agent.errors import EcoAlignError, ImageError, RunError
from ecoalign_agent.events.result import Record
from ecoalign_agent.extensions import require_packages
from ecoalign_agent.factory import assessor_endpoints, build_assessors, build_endpoint
from ecoalign_agent.images.store import ImageStore
from ecoalign_agent.settings import read_settings
from ecoalign_agent.training.run_folder import StageJournal, prepare_folder
from ecoalign_agent.training.synthesis.near_duplicates import (
    InstructionIndex,
    index_evaluation_sets,
    perceptual_hash,
)
from ecoalign_agent.training.synthesis.output import FinishedRecord, OutputCounts, write_image, write_output
from ecoalign_agent.training.synthesis.policy import SynthesisContext, SynthesisPolicy
from ecoalign_agent.training.synthesis.records import InputRecord, UnusableLine, read_records
from ecoalign_agent.training.synthesis.stages import STAGES, build_synthesis_graph

MAX_FAILURES = 8
"""Records in a row failing at their endpoint that end a run: each had its own retries."""


class SynthesisProgress(Record):
    """Progress of a run.

    Attributes:
        usable: finished records that were not dropped.
        rate: records a second, of those that needed a call.
        seconds_left: seconds for the rest at that rate; None: not known yet.
    """

    done: int
    total: int
    usable: int
    cost: float
    rate: float
    seconds_left: float | None


class SynthesisReport(Record):
    """Result of a run, as ``--json`` prints it.

    Attributes:
        benign: rows that are left alone.
        dropped: reason → records.
        excluded: records left out because they occur in an evaluation set.
        cost: cost units spent in this run.
        cost_by_stage: stage → cost units of all records, earlier runs included.
        cost_per_record: stage → mean cost units over the records that went through it.
        resumed: stages taken over from an earlier run, unpaid.
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
class _RunCounts:
    total: int
    start: float
    on_progress: Callable[[SynthesisProgress], None]
    done: int = 0
    usable: int = 0
    worked: int = 0
    cost: float = 0.0
    calls: int = 0
    resumed: int = 0
    consecutive_failures: int = 0
    last_reason: str = ""
    finished: dict[str, FinishedRecord] = field(default_factory=dict)

    def add(self, record: FinishedRecord, new_entries: Sequence[Mapping[str, Any]] = ()) -> None:
        """Count a finished record; ``new_entries`` are those of its stages that this run paid for."""
        self.finished[record.record.id] = record
        self.done += 1
        self.usable += record.dropped is None
        self.worked += bool(new_entries)
        self.cost += sum(entry["cost"] for entry in new_entries)
        self.calls += sum(entry["calls"] for entry in new_entries)
        self.resumed += len(record.outputs) - len(new_entries)
        self.last_reason = record.dropped or self.last_reason
        rate = self.worked / max(1e-9, time.monotonic() - self.start)
        left = (self.total - self.done) / rate if self.worked else None
        self.on_progress(
            SynthesisProgress(
                done=self.done, total=self.total, usable=self.usable, cost=self.cost, rate=rate, seconds_left=left
            )
        )


async def synthesize_records(
    context: SynthesisContext,
    records: Sequence[InputRecord],
    folder: Path,
    *,
    evaluation: InstructionIndex | None = None,
    unusable: Sequence[UnusableLine] = (),
    concurrency: int = 32,
    on_progress: Callable[[SynthesisProgress], None] = lambda _: None,
) -> SynthesisReport:
    """Make training data of records; stages of an earlier run into the same folder are taken over.

    Args:
        evaluation: records that must not be learnt from.
        unusable: lines that give no record.
        concurrency: records at the same time.
    """
    counts = _RunCounts(len(records), time.monotonic(), on_progress)
    graph = build_synthesis_graph(context).compile(name="synthesis")
    slots = asyncio.Semaphore(concurrency)
    input_filter = _InputFilter(context.image_store, evaluation)
    failure: BaseException | None = None

    async def run_stages(record: InputRecord, image: bytes | None) -> None:
        try:
            if counts.consecutive_failures >= MAX_FAILURES:
                return
            known = {stage: context.journal.entries.get((record.id, stage), {}).get("key") for stage in STAGES}
            initial: Any = {"record": record, "image": image}
            state = await graph.ainvoke(initial)
            outputs = state.get("outputs", {})
            new = [entry for stage, entry in outputs.items() if known[stage] != entry["key"]]
            # A record that needed no call says nothing of the endpoint.
            if state.get("failed") or any(entry["calls"] for entry in new):
                counts.consecutive_failures = counts.consecutive_failures + 1 if state.get("failed") else 0
            dropped = state.get("dropped")
            name = None
            if image is not None and dropped is None:
                name = await asyncio.to_thread(write_image, folder, image)
            counts.add(FinishedRecord(record, name, outputs, dropped), new)
        finally:
            slots.release()

    try:
        async with asyncio.TaskGroup() as group:
            for record in records:
                # Filtered one after another, while the calls of those before are under way.
                image, dropped = await input_filter.check(record)
                if dropped is not None:
                    counts.add(FinishedRecord(record, None, {}, dropped))
                    continue
                await slots.acquire()
                group.create_task(run_stages(record, image))
    except* EcoAlignError as failures:
        failure = failures.exceptions[0]
    if failure is not None:
        # Of several failures alike one is raised: a full disk is full for all of them.
        raise failure
    if counts.consecutive_failures >= MAX_FAILURES:
        raise RunError(
            f"{MAX_FAILURES} records in a row failed at their endpoint, the last with: {counts.last_reason}; "
            f"{counts.done - counts.consecutive_failures} of {counts.total} are finished and kept: "
            "run the same command again"
        )
    finished = [counts.finished[record.id] for record in records]
    makers = {"models": context.models, "prompts": list(context.prompt_labels)}
    output = await asyncio.to_thread(write_output, folder, finished, makers, data_card(context), unusable)
    return _report(context, folder, finished, output, counts, len(unusable))


class _InputFilter:
    """Leaves out records that are not worth a call: unusable pictures, near-duplicates, records of evaluation sets."""

    def __init__(self, store: ImageStore, evaluation: InstructionIndex | None) -> None:
        self._store = store
        self._evaluation = evaluation
        self._earlier = InstructionIndex()

    async def check(self, record: InputRecord) -> tuple[bytes | None, str | None]:
        """The picture's bytes, checked before it is decoded; and the reason to leave the record out, or None."""
        image: bytes | None = None
        if record.image is not None:
            try:
                image = (await self._store.open(record.image)).data
            except ImageError as error:
                return None, f"the picture can't be used: {error}"
        return image, await asyncio.to_thread(self._duplicate_reason, record, image)

    def _duplicate_reason(self, record: InputRecord, image: bytes | None) -> str | None:
        picture = perceptual_hash(image)
        if self._evaluation is not None and (twin := self._evaluation.find(record.instruction, picture, either=True)):
            return f"excluded: occurs in an evaluation set ({twin})"
        if twin := self._earlier.find(record.instruction, picture):
            return f"near-duplicate: of {twin}"
        self._earlier.add(record.id, record.instruction, picture)
        return None


def _report(  # noqa: PLR0917 - called once, right above
    context: SynthesisContext,
    folder: Path,
    finished: Sequence[FinishedRecord],
    output: OutputCounts,
    counts: _RunCounts,
    unusable: int,
) -> SynthesisReport:
    costs = {
        stage: [record.outputs[stage]["cost"] for record in finished if stage in record.outputs] for stage in STAGES
    }
    return SynthesisReport(
        folder=str(folder),
        rows=output.rows,
        benign=output.benign,
        dropped=dict(output.dropped),
        excluded=output.dropped.get("excluded", 0),
        duplicates=output.dropped.get("near-duplicate", 0),
        unusable=unusable,
        cost=counts.cost,
        cost_by_stage={stage: sum(paid) for stage, paid in costs.items() if paid},
        cost_per_record={stage: sum(paid) / len(paid) for stage, paid in costs.items() if paid},
        calls=counts.calls,
        resumed=counts.resumed,
        seconds=round(time.monotonic() - counts.start, 3),
        models=context.models,
        prompts=list(context.prompt_labels),
    )


def data_card(context: SynthesisContext) -> str:
    """The data card: contents of the data, their making and their limits."""
    models = "".join(f"- {role}: {name}\n" for role, name in context.models.items())
    prompts = "".join(f"- {label}\n" for label in context.prompt_labels)
    policy = context.policy
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
    concurrency: int = 32,
    prompts: str | None = None,
    on_progress: Callable[[SynthesisProgress], None] = lambda _: None,
) -> SynthesisReport:
    """Make training data; stages of an earlier run into the same folder are not paid for again.

    Args:
        source: a ``.jsonl`` or ``.parquet`` file, or a folder with ``metadata.jsonl``.
        folder: the output: a new or empty folder, or one of an earlier run.
        model: analyses and rewrites. None: ``ECOALIGN_MODEL``.
        target: the model the rewrites are for; it samples and answers. None: the same model.
        assessor: assesses answers; of several the lowest grade counts. None: the same model, and the card says so.
        base_url: of an OpenAI-compatible server; holds for all of them.
        exclude: evaluation sets, whose records are left out.
        limit: records at most.
        concurrency: records at the same time.
        prompts: a folder whose prompts replace the shipped ones of the same name.

    Raises:
        UsageError: source, folder or a set to exclude can't be used, or a model can't be built; nothing was spent.
        RunError: the disk is full, or an endpoint failed again and again; finished stages are kept.
    """
    require_packages("making data", ("pyarrow", "imagehash"), extra="data")
    settings = read_settings(base_url=base_url)
    chosen = model if model is not None else settings.model
    maker = build_endpoint(chosen, settings)
    answering = maker if target is None else build_endpoint(target, settings)
    choices: list[AssessorChoice] = [chosen]
    if assessor is not None:
        choices = list(assessor) if isinstance(assessor, Sequence) and not isinstance(assessor, str) else [assessor]
    assessors = build_assessors(choices, settings, actor=(chosen, maker), prompts=prompts)
    policy = policy or SynthesisPolicy()
    records, unusable = read_records(source)
    records = records if limit is None else records[:limit]
    evaluation = index_evaluation_sets(exclude) if exclude else None
    run_settings = {
        "source": str(source),
        "model": maker.name,
        "target": answering.name,
        "assessor": [assessor.name for assessor in assessors],
        "policy": str(policy),
        "limit": limit,
        "exclude": [str(file) for file in exclude],
    }
    path = prepare_folder(folder, run_settings, settings_file="synthesis.json", self_checking="journal.jsonl")
    journal = StageJournal.open(path / "journal.jsonl")
    context = SynthesisContext(maker, answering, combine_assessors(assessors), journal, policy, prompts=prompts)
    try:
        return await synthesize_records(
            context,
            records,
            path,
            evaluation=evaluation,
            unusable=unusable,
            concurrency=concurrency,
            on_progress=on_progress,
        )
    finally:
        endpoints = (maker, answering, *assessor_endpoints(assessors))
        for endpoint in {id(endpoint): endpoint for endpoint in endpoints}.values():
            await endpoint.aclose()
