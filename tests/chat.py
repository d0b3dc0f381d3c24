"""What every chat model of the tests has in common."""

from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult


class AsyncChatModel(BaseChatModel):
    """A chat model that is only asked asynchronously: who asks it otherwise blocks the event loop, and is told."""

    @property
    def _llm_type(self) -> str:
        return "of the tests"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError(f"{type(self).__name__} is asynchronous")
