"""A coverage-guided fuzz target: whatever an assessor replies, only one well-formed verdict makes a thought safe.

    python tests/fuzz/fuzz_verdicts.py FOLDER -max_total_time=15

is what ``tests/fuzz/run`` does, in a folder of its own. Needs atheris (``pip install ".[fuzz]"``). The corpus begins
with well-formed replies, so that mutation starts where it is near to passing; the oracle is that of
``tests/assessors``. A crash is a reply that oracle and program read differently, or an exception that leaves a reader.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

# Not installed everywhere, and without types: see the module's docstring.
atheris: Any = importlib.import_module("atheris")

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(
    include=["ecoalign_agent.llm.parsing", "ecoalign_agent.assessors", "json", "tests.assessors"]
):
    from langchain_core.messages import AIMessage

    from ecoalign_agent.assessors.base import RequestVerdictReply, ThoughtVerdictReply
    from ecoalign_agent.assessors.chat_model import verdict_from_reply
    from ecoalign_agent.assessors.disclaimers import remove_disclaimers
    from ecoalign_agent.assessors.guard import parse_guard_reply
    from ecoalign_agent.assessors.moderation import parse_moderation_reply
    from ecoalign_agent.llm.parsing import parse_reply
    from tests.assessors.oracle import guard_says_safe, moderation_in, verdict_in

SEEDS = (
    '0{"hazards": [], "safety": 0.9, "utility": 0.8}',
    '0```json\n{"hazards": ["S2", "S9"], "safety": -1, "utility": 1.0e-1}\n```',
    '1{"hazards": [], "safety": 1}',
    "2safe",
    "2unsafe\nS1,S9",
    '3{"results": [{"flagged": false, "categories": {"hate": false}, "category_scores": {"hate": 0.01}}]}',
    "4I'm sorry, but as an AI I must say: please be careful. Final answer: 9 to 5.",
)
"""The first character chooses the reader."""

WORDS = ('"safety"', '"utility"', '"hazards"', "```json", "NaN", "1e999", "safe", "unsafe", "S14", "true", "null")
"""What mutations may put in."""


Reply = ThoughtVerdictReply | RequestVerdictReply


def try_one(data: bytes) -> None:
    """One reply through one reader."""
    text = data.decode(errors="replace")
    reader, text = text[:1], text[1:]
    match reader:
        case "0" | "1":
            schema: type[Reply] = ThoughtVerdictReply if reader == "0" else RequestVerdictReply
            reading = parse_reply(AIMessage(text), "plain", schema, exact=True)
            verdict = verdict_from_reply(reading.value, 1.0, reading.reason)
            told = verdict_in(text, utility=reader == "0")
            assert verdict.safety == (None if told is None else told.safety), text
        case "2":
            assert (parse_guard_reply(AIMessage(text)).safety == 1.0) == guard_says_safe(text), text
        case "3":
            assert parse_moderation_reply(text).safety == moderation_in(text), text
        case _:
            bare = remove_disclaimers(text)
            assert bare is None or len(bare) < len(text), text


def main(folder: Path, options: list[str]) -> None:
    """Fuzz, with the seeds in ``folder`` as the corpus to begin with."""
    corpus, words = folder / "corpus", folder / "words.dict"
    corpus.mkdir(exist_ok=True)
    for number, seed in enumerate(SEEDS):
        (corpus / f"seed{number}").write_text(seed, encoding="utf-8")
    entries = (word.replace('"', '\\"') for word in WORDS)
    words.write_text("".join(f'"{entry}"\n' for entry in entries), encoding="utf-8")
    atheris.Setup([sys.argv[0], *options, f"-dict={words}", f"-artifact_prefix={folder}/", str(corpus)], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
