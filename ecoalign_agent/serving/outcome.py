"""What a run comes to, as OpenAI's clients read it.

A declined request is an answer, too: its ``content`` is the refusal, for whoever shows it to a person, and the same
text stands in ``refusal``, OpenAI's own field, for programs; ``finish_reason`` is ``stop``, for nothing was cut or
filtered out of it. ``ecoalign.status`` tells the two apart in any case. Nothing that is given out is ever cut: where
every answer was longer than the client allows, it gets a refusal that fits, and ``finish_reason`` is ``length``.
"""

import re
from dataclasses import dataclass
from typing import Any

from ecoalign_agent.serving.faults import fault_of_run
from ecoalign_agent.trace.result import Result, Tokens


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer on its way out.

    Attributes:
        text: the answer, or the refusal.
        refused: whether it is a refusal.
        finish: OpenAI's ``finish_reason``.
        usage: OpenAI's ``usage``: the tokens of all calls of the run.
        receipt: what stands under ``ecoalign``.
    """

    text: str
    refused: bool
    finish: str
    usage: dict[str, Any]
    receipt: dict[str, Any]

    @property
    def message(self) -> dict[str, Any]:
        """The message of a whole answer."""
        return {"role": "assistant", "content": self.text, "refusal": self.text if self.refused else None}


_TOO_LONG = re.compile(r"could not be read: (cut off at the cap on completion tokens|longer than the \d+ tokens)")


def outcome_of(result: Result, *, capped: bool = False) -> Outcome:
    """The outcome of a run.

    Args:
        result: of the run.
        capped: whether the client said how long the answer may be.

    Raises:
        ApiError: the run failed.
    """
    if result.status == "failed" or result.answer is None:
        raise fault_of_run(result)
    refused = result.status == "declined"
    cut = capped and refused and result.stop_reason != "unsafe_request" and any(map(_TOO_LONG.search, result.notes))
    finish = "length" if cut else "stop"
    return Outcome(result.answer, refused, finish, usage_of(result.cost.tokens), result.model_dump(mode="json"))


def usage_of(tokens: Tokens) -> dict[str, Any]:
    """Tokens as OpenAI words them; pictures and what came from a cache are part of the prompt."""
    prompt = tokens.prompt + tokens.image + tokens.cached
    return {
        "prompt_tokens": prompt,
        "completion_tokens": tokens.completion,
        "total_tokens": prompt + tokens.completion,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "image_tokens": tokens.image},
    }
