"""Models none of whose tokens anybody sees before their message is whole and checked."""

from typing import Any

from langchain_core.language_models import BaseChatModel

_MOST = 16
"""Models that are remembered: an agent has one, or chooses among a few."""


class Hush:
    """Quiet copies of models, one for each: a model that counts its calls goes on counting."""

    def __init__(self) -> None:
        self._copies: dict[int, tuple[Any, Any]] = {}

    def __call__(self, model: Any) -> Any:  # noqa: ANN401 - a chat model, or what init_chat_model builds without a name
        """The same model, quiet.

        It does not stream, so that its usage is reported whole, and LangGraph leaves it out of its stream of messages.
        """
        # The model is kept beside its copy, so that its id can't pass to another one.
        known = self._copies.pop(id(model), None) or (model, _quiet(model))
        self._copies[id(model)] = known
        if len(self._copies) > _MOST:
            del self._copies[next(iter(self._copies))]
        return known[1]


def _quiet(model: Any) -> Any:  # noqa: ANN401 - as above
    if isinstance(model, BaseChatModel):
        changes: dict[str, Any] = {"disable_streaming": True, "tags": [*(model.tags or []), "nostream"]}
        if "streaming" in type(model).model_fields:
            # OpenAI's would ask its server for a stream all the same, and not know what to do with it.
            changes["streaming"] = False
        return model.model_copy(update=changes)
    return model.with_config(tags=["nostream"])
