"""What an endpoint can do, found out once and remembered for as long as the endpoint lives.

A rung is a way of asking for structured output. The ladder goes down from the one that binds the model most tightly: a
JSON schema, a function call, JSON mode, plain text. Source: ours.
"""

from typing import Literal

Rung = Literal["json_schema", "function_calling", "json_mode", "plain"]

LADDER: tuple[Rung, ...] = ("json_schema", "function_calling", "json_mode", "plain")
"""All rungs, in order of trial."""

MaxTokensField = Literal["max_completion_tokens", "max_tokens"]

_SILENT_TWICE = 2


class Capabilities:
    """What one endpoint can and can't do. Changes as calls teach it; plain text is always left.

    Attributes:
        max_tokens_field: how this endpoint calls the cap on completion tokens; None: it takes no such cap, so that a
            call's cost is bounded by the model only.
        refused: rung → why it is no longer tried, one line each.
    """

    def __init__(
        self, rungs: tuple[Rung, ...] = LADDER, *, max_tokens_field: MaxTokensField | None = "max_tokens"
    ) -> None:
        self.max_tokens_field = max_tokens_field
        self.refused: dict[Rung, str] = {}
        self._rungs = rungs
        self._proven: set[Rung] = set()
        self._silent: dict[Rung, int] = {}

    def rename_cap(self) -> None:
        """Call the cap by its other name from now on, where it has one."""
        if self.max_tokens_field is not None:
            other: MaxTokensField = "max_tokens" if self.max_tokens_field != "max_tokens" else "max_completion_tokens"
            self.max_tokens_field = other

    def rungs(self) -> list[Rung]:
        """The rungs still worth trying, in order of trial; never empty."""
        return [rung for rung in self._rungs if rung not in self.refused] or ["plain"]

    def cannot(self, rung: Rung, why: str) -> None:
        """Remember that ``rung`` does not work here; plain text can't be given up."""
        if rung != "plain":
            self.refused.setdefault(rung, why)

    def works(self, rung: Rung) -> None:
        """Remember that ``rung`` gave a readable reply."""
        self._proven.add(rung)
        self._silent.pop(rung, None)

    def proven(self, rung: Rung) -> bool:
        """Whether ``rung`` gave a readable reply before."""
        return rung in self._proven

    def silent(self, rung: Rung) -> bool:
        """Note a reply without any JSON on ``rung``; the second in a row gives the rung up. Returns whether it did."""
        self._silent[rung] = self._silent.get(rung, 0) + 1
        if self._silent[rung] >= _SILENT_TWICE:
            self.cannot(rung, f"{_SILENT_TWICE} replies in a row without JSON")
        return rung in self.refused
