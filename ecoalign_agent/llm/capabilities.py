"""Ways of asking for structured output, and which of them one endpoint takes: learnt from its replies.

The modes go from the one that binds the model most tightly, a JSON schema, to plain text. Source: ours.
"""

import re
from typing import Literal

from ecoalign_agent.llm.failures import Failure

OutputMode = Literal["json_schema", "function_calling", "json_mode", "plain"]

OUTPUT_MODES: tuple[OutputMode, ...] = ("json_schema", "function_calling", "json_mode", "plain")
"""All modes, in order of trial."""

MaxTokensField = Literal["max_completion_tokens", "max_tokens"]

_MAX_REPLIES_WITHOUT_JSON = 2

_MODE_WORDS = re.compile(
    r"response_format|json_schema|json_object|json mode|structured|tools?\b|tool_choice|function|grammar|guided",
    re.IGNORECASE,
)


class Capabilities:
    """What one endpoint can do. Changes as calls teach it; plain text is always left.

    Attributes:
        max_tokens_field: the endpoint's name for the cap on completion tokens; None: it takes no such cap, so that a
            call's cost is bounded by the model only.
        refused: mode → why it is no longer tried, one line each.
    """

    def __init__(
        self, modes: tuple[OutputMode, ...] = OUTPUT_MODES, *, max_tokens_field: MaxTokensField | None = "max_tokens"
    ) -> None:
        self.max_tokens_field = max_tokens_field
        self.refused: dict[OutputMode, str] = {}
        self._modes = modes
        self._proven: set[OutputMode] = set()
        self._without_json: dict[OutputMode, int] = {}

    def modes(self) -> list[OutputMode]:
        """The modes still worth trying, in order of trial; never empty."""
        return [mode for mode in self._modes if mode not in self.refused] or ["plain"]

    def refuse(self, mode: OutputMode, reason: str) -> None:
        """Remember that ``mode`` does not work here; plain text can't be given up."""
        if mode != "plain":
            self.refused.setdefault(mode, reason)

    def confirm(self, mode: OutputMode) -> None:
        """Remember that ``mode`` gave a readable reply."""
        self._proven.add(mode)
        self._without_json.pop(mode, None)

    def count_without_json(self, mode: OutputMode) -> bool:
        """Count a reply without JSON; True: it was the second in a row, and ``mode`` is given up."""
        self._without_json[mode] = self._without_json.get(mode, 0) + 1
        if self._without_json[mode] >= _MAX_REPLIES_WITHOUT_JSON:
            self.refuse(mode, f"{_MAX_REPLIES_WITHOUT_JSON} replies in a row without JSON")
        return mode in self.refused

    def may_refuse(self, mode: OutputMode, failure: Failure) -> bool:
        """Whether a failure may be about the mode rather than the request, so that the next mode is worth a try."""
        if mode == "plain" or failure.hopeless or failure.status not in {400, 404, 422, 501}:
            return False
        return _MODE_WORDS.search(failure.text) is not None or (
            failure.status in {400, 422} and mode not in self._proven
        )

    def swap_max_tokens_field(self) -> None:
        """Call the cap by its other name from now on, where it has one."""
        if self.max_tokens_field is not None:
            swapped: MaxTokensField = "max_tokens" if self.max_tokens_field != "max_tokens" else "max_completion_tokens"
            self.max_tokens_field = swapped

    def adapt_max_tokens_field(self, failure: Failure) -> bool:
        """Where the cap's name was refused: set the other one, or none where the model's class takes none."""
        field = self.max_tokens_field
        if field is None or field not in failure.text:
            return False
        if failure.status in {400, 422}:
            self.swap_max_tokens_field()
            return True
        if not failure.billed and failure.status is None:
            self.max_tokens_field = None
            return True
        return False
