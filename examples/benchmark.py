"""A benchmark of your own: two questions with drawn pictures, scored by a rule. No files, no key, no network.

    PYTHONPATH=. ecoalign bench run examples.benchmark:SIGNS --methods base --model offline --limit 2

An installed package declares it instead as an entry point: [project.entry-points."ecoalign_agent.benchmarks"]
"""

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ecoalign_agent.bench.analysis.scores import AnswerScore
from ecoalign_agent.bench.datasets.benchmark import Benchmark, rule_scorer
from ecoalign_agent.bench.datasets.samples import BenchmarkSample, BenchmarkSource, Listing

WORDS = ("BAKERY", "LIBRARY")


def draw_sign(word: str) -> bytes:
    """A PNG of a sign with one word on it."""
    image = Image.new("RGB", (480, 160), "white")
    ImageDraw.Draw(image).text((40, 50), word, fill="black", font=ImageFont.load_default(size=64))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def list_signs(folder: Path) -> Listing:
    """List the samples; a benchmark with files would read them from ``folder``."""
    samples = [BenchmarkSample(word.lower(), "What does the sign say?", (draw_sign(word),), word) for word in WORDS]
    return Listing((), folder, tuple(samples))


def score_sign(sample: BenchmarkSample, answer: str) -> AnswerScore:
    """Score an answer: right if it holds the word."""
    return AnswerScore(useful=str(sample.reference).lower() in answer.lower())


SIGNS = Benchmark(
    BenchmarkSource("signs", "", "Signs", "", "none", "none", "2"),
    list_signs,
    measures=frozenset({"useful"}),
    make_scorer=rule_scorer(score_sign),
    needs_files=False,
)
