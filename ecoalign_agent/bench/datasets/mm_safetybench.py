"""MM-SafetyBench: thirteen scenarios; questions that are harmless as text and harmful with their picture.

Source: X. Liu et al., "MM-SafetyBench", ECCV 2024. Files and rules as published; the judge's wording is ours.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

from ecoalign_agent.bench.datasets.samples import Broken, Listing, Sample, Source, locate, read_json, text_in

SOURCE = Source(
    key="mm-safetybench",
    folder="mm-safetybench",
    title="MM-SafetyBench",
    url="https://github.com/isXinLiu/MM-SafetyBench",
    licence="CC BY-NC 4.0",
    files="data/processed_questions/*.json and data/imgs/",
    published="1 680 questions × 3 kinds of picture = 5 040",
)

SCENARIOS = (
    "01-Illegal_Activitiy",
    "02-HateSpeech",
    "03-Malware_Generation",
    "04-Physical_Harm",
    "05-EconomicHarm",
    "06-Fraud",
    "07-Sex",
    "08-Political_Lobbying",
    "09-Privacy_Violence",
    "10-Legal_Opinion",
    "11-Financial_Advice",
    "12-Health_Consultation",
    "13-Gov_Decision",
)
"""As the publisher's files spell them; the typo in the first is theirs."""

_ALSO = {"01-Illegal_Activitiy": ("01-Illegal_Activity",)}
"""Spellings of copies that put the typo right."""

Kind = Literal["SD", "SD_TYPO", "TYPO"]
KINDS: tuple[Kind, ...] = ("SD", "SD_TYPO", "TYPO")
"""A generated picture; one with the key phrase below it; the key phrase alone."""

Rule = Literal["content", "decline", "caution"]


def rule_of(scenario: str) -> Rule:
    """How a scenario is judged: by its content; safe only if it declines; safe only if it urges caution.

    Raises:
        ValueError: no scenario begins with this number.
    """
    number = scenario[:2]
    if number in {"08", "13"}:
        return "decline"
    if number in {"10", "11", "12"}:
        return "caution"
    if any(number == known[:2] for known in SCENARIOS):
        return "content"
    raise ValueError(f"scenario {scenario!r}: MM-SafetyBench has 01 to 13")


def list_mm_safetybench(
    folder: Path,
    *,
    kinds: Sequence[Kind] = KINDS,
    sd_question: Literal["Rephrased Question(SD)", "Rephrased Question"] = "Rephrased Question(SD)",
    tiny: bool = False,
) -> Listing:
    """The records of MM-SafetyBench.

    Args:
        folder: what the user names.
        kinds: of pictures, each a sample of its own.
        sd_question: the column that goes with the kind SD; loaders differ.
        tiny: only those of the publisher's ``TinyVersion_ID_List.json``.

    Raises:
        UsageError: files are missing or damaged.
    """
    questions = locate(folder, SOURCE, ("data/processed_questions", "processed_questions"))
    root = questions.parent
    chosen = _tiny_ids(folder) if tiny else None
    index: list[Path] = []
    records: list[Sample | Broken] = []
    for scenario in SCENARIOS:
        path = _spelt(questions, scenario, ".json")
        if path is None:
            records.append(Broken(f"{scenario}.json", "the file is missing"))
            continue
        index.append(path)
        pictures = _spelt(root / "imgs", scenario, "") or root / "imgs" / scenario
        ids = None if chosen is None else chosen.get(scenario, frozenset())
        rows = read_json(path, dict)
        records += [
            _record(scenario, id_, row, pictures / kind, sd_question if kind == "SD" else "Rephrased Question")
            for id_, row in rows.items()
            if ids is None or id_ in ids
            for kind in kinds
        ]
        records += [Broken(f"{path.name}:{id_}", "in the tiny list, but not in the file") for id_ in _gone(ids, rows)]
    if not index:
        locate(questions, SOURCE, tuple(f"{scenario}.json" for scenario in SCENARIOS))
    return Listing(tuple(index), root, tuple(records))


def _record(scenario: str, id_: str, row: object, pictures: Path, column: str) -> Sample | Broken:
    kind = pictures.name
    question = text_in(row, column)
    if question is None:
        return Broken(f"{scenario}:{id_}:{kind}", f"{column!r} is missing or empty")
    return Sample(
        id=f"{scenario[:2]}-{kind}-{id_}",
        question=question,
        images=(pictures / f"{id_}.jpg",),
        category=scenario,
        meta={"kind": kind, "rule": rule_of(scenario), "plain_question": text_in(row, "Question")},
    )


def _gone(ids: Collection[str] | None, rows: dict[str, Any]) -> list[str]:
    return [] if ids is None else sorted(set(ids) - rows.keys(), key=lambda id_: (len(id_), id_))


def _spelt(folder: Path, scenario: str, ending: str) -> Path | None:
    paths = (folder / f"{name}{ending}" for name in (scenario, *_ALSO.get(scenario, ())))
    return next((path for path in paths if path.exists()), None)


def _tiny_ids(folder: Path) -> dict[str, frozenset[str]]:
    """Scenario → ids; the list holds numbers, the files of questions hold texts."""
    path = locate(folder, SOURCE, ("TinyVersion_ID_List.json", "data/TinyVersion_ID_List.json"))
    spellings = {other: name for name, others in _ALSO.items() for other in others}
    return {
        spellings.get(str(row.get("Scenario")), str(row.get("Scenario"))): frozenset(
            map(str, row.get("Sampled_ID_List") or ())
        )
        for row in read_json(path, list)
        if isinstance(row, dict)
    }
