"""Making training data for the rewriter: from names of models and files to a folder of records."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from langchain_core.language_models import BaseChatModel

from ecoalign_agent.assessing.names import complete
from ecoalign_agent.assessors import AssessorChoice, assessors_of, endpoints_of
from ecoalign_agent.endpoints import endpoint_of
from ecoalign_agent.errors import UsageError
from ecoalign_agent.rewriting.folders import prepared
from ecoalign_agent.rewriting.synthesis.alike import evaluation_sets
from ecoalign_agent.rewriting.synthesis.desk import SynthesisDesk, SynthesisPolicy
from ecoalign_agent.rewriting.synthesis.journal import Journal
from ecoalign_agent.rewriting.synthesis.records import read_records
from ecoalign_agent.rewriting.synthesis.running import Progress, SynthesisReport, synthesize
from ecoalign_agent.settings import settings_with


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
    maker = endpoint_of(chosen, settings)
    answering = maker if target is None else endpoint_of(target, settings)
    choices: list[AssessorChoice] = [chosen]
    if assessor is not None:
        choices = list(assessor) if isinstance(assessor, Sequence) and not isinstance(assessor, str) else [assessor]
    judges = assessors_of(choices, settings, actor=(chosen, maker), prompts=prompts)
    policy = policy or SynthesisPolicy()
    records, unusable = read_records(source)
    records = records if limit is None else records[:limit]
    evaluation = evaluation_sets(exclude) if exclude else None
    told = {"source": str(source), "model": maker.name, "target": answering.name, "assessor": [j.name for j in judges]}
    rules = {"policy": str(policy), "limit": limit, "exclude": [str(file) for file in exclude]}
    path = prepared(folder, told | rules, mark="synthesis.json", checked_inside="journal.jsonl")
    desk = SynthesisDesk(
        maker, answering, complete(judges), Journal.opened(path / "journal.jsonl"), policy, prompts=prompts
    )
    try:
        return await synthesize(
            desk, records, path, evaluation=evaluation, unusable=unusable, at_once=at_once, tell=tell
        )
    finally:
        for endpoint in {id(one): one for one in (maker, answering, *endpoints_of(judges))}.values():
            await endpoint.aclose()


def _require_extra() -> None:
    """See that the data can be written in the end, before anything is paid for or a folder is made."""
    for name in ("pyarrow", "imagehash"):
        if find_spec(name) is None:
            raise UsageError(f"making data needs {name}: pip install 'ecoalign-agent[data]'")
