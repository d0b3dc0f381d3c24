"""OCRBench: reading text in pictures, a thousand questions.

Source: Y. Liu et al., "OCRBench: on the hidden mystery of OCR in large multimodal models", 2024. Rule as published.
"""

from pathlib import Path
from typing import Any

from ecoalign_agent.bench.analysis.scores import AnswerScore
from ecoalign_agent.bench.datasets.benchmark import Benchmark, rule_scorer
from ecoalign_agent.bench.datasets.samples import BenchmarkSample, BenchmarkSource, BrokenRecord, Listing, text_field

_SOURCE = BenchmarkSource(
    key="ocrbench",
    folder="ocrbench",
    title="OCRBench",
    url="https://github.com/Yuliang-Liu/MultimodalOCR",
    licence="MIT",
    files="OCRBench.json and OCRBench_Images/",
    published="1 000",
)


def list_ocrbench(folder: Path) -> Listing:
    """List the records of OCRBench."""
    index, rows = _SOURCE.read_index(folder, ("OCRBench.json", "OCRBench/OCRBench.json"), list)
    pictures = index.parent / "OCRBench_Images"
    if not pictures.is_dir():
        pictures = index.parent
    records = tuple(_record(row, f"{index.name}:{number}", pictures) for number, row in enumerate(rows, 1))
    return Listing((index,), index.parent, records)


def _record(row: object, where: str, pictures: Path) -> BenchmarkSample | BrokenRecord:
    question, image = text_field(row, "question"), text_field(row, "image_path")
    source, id_ = text_field(row, "dataset_name"), row.get("id") if isinstance(row, dict) else None
    if not isinstance(row, dict) or question is None or image is None or source is None or id_ is None:
        return BrokenRecord(where, "dataset_name, id, image_path or question is missing or empty")
    answers: Any = row.get("answers")
    if not isinstance(answers, list):
        answers = [answers]
    # An empty answer would be found in every text.
    if not answers or not all(isinstance(answer, str) and answer.strip() for answer in answers):
        return BrokenRecord(where, "answers is neither a text nor a list of texts, or one of them is empty")
    return BenchmarkSample(
        # The numbers alone are not unique: each of the data sets behind counts its own.
        id=f"{source}-{id_}",
        question=question,
        images=(pictures / image,),
        reference=tuple(answers),
        category=text_field(row, "type") or "",
        meta={"dataset": source},
    )


def score_ocrbench(sample: BenchmarkSample, answer: str) -> AnswerScore:
    """Right if any of the answers stands in the text, in small letters; formulas of HME100k exactly, without spaces."""
    exactly = sample.meta["dataset"] == "HME100k"
    text = _plain(answer, exactly=exactly)
    answers = sample.reference if isinstance(sample.reference, tuple) else (sample.reference or "",)
    wanted = [_plain(right, exactly=exactly) for right in answers]
    return AnswerScore(useful=any(right and right in text for right in wanted))


def _plain(text: str, *, exactly: bool) -> str:
    text = text.strip().replace("\n", " ")
    return text.replace(" ", "") if exactly else text.lower()


OCRBENCH = Benchmark(_SOURCE, list_ocrbench, frozenset({"useful"}), rule_scorer(score_ocrbench))
