"""A trained rewriter in this process: base model and adapter from a folder, as a LangChain chat model."""

import base64
import io
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from ecoalign_agent.errors import UsageError

_MAX_TOKENS = 600


class LocalRewriter(BaseChatModel):
    """Generates greedily with what ``ecoalign train`` wrote; one call at a time, in a thread.

    The weights are loaded with the first call.

    Raises:
        UsageError: the folder holds no trained rewriter, or its base model can't be loaded.
    """

    folder: str

    _model: Any = PrivateAttr(default=None)
    _processor: Any = PrivateAttr(default=None)
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401 - pydantic's own signature
        """Check the folder, so that a wrong name is an error at once."""
        super().model_post_init(context)
        root = Path(self.folder)
        if not any((root / name).is_file() for name in ("adapter_config.json", "config.json")):
            raise UsageError(f"{self.folder}: holds no trained rewriter; name a folder that ecoalign train wrote")

    @property
    def model_name(self) -> str:
        """The folder's name, for results."""
        return Path(self.folder).name

    @property
    def _llm_type(self) -> str:
        return "ecoalign-local-rewriter"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's own signature
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's own signature
        **kwargs: Any,  # noqa: ANN401 - LangChain's own signature
    ) -> ChatResult:
        limit = kwargs.get("max_tokens") or kwargs.get("max_completion_tokens")
        with self._lock:
            return self._generate_locked(messages, limit if isinstance(limit, int) else _MAX_TOKENS)

    def _generate_locked(self, messages: list[BaseMessage], max_tokens: int) -> ChatResult:
        import torch  # noqa: PLC0415 - an extra, and heavy

        if self._model is None:
            self._model, self._processor = _load_rewriter(Path(self.folder))
        turns = [_chat_turn(message) for message in messages]
        inputs = self._processor.apply_chat_template(
            turns, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        ).to(self._model.device)
        with torch.inference_mode():
            ids = self._model.generate(**inputs, max_new_tokens=max_tokens, do_sample=False)
        prompt_tokens = inputs["input_ids"].shape[1]
        completion = ids[0, prompt_tokens:]
        text = self._processor.tokenizer.decode(completion, skip_special_tokens=True)
        # A text of the maximal length did not end by itself.
        finish = "length" if len(completion) >= max_tokens else "stop"
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(completion)}
        message = AIMessage(text, response_metadata={"finish_reason": finish, "token_usage": usage})
        return ChatResult(generations=[ChatGeneration(message=message)])


def _load_rewriter(folder: Path) -> tuple[Any, Any]:
    import torch  # noqa: PLC0415 - an extra, and heavy

    adapter = folder / "adapter_config.json"
    if not adapter.is_file():
        model, processor = load_model(str(folder))
    else:
        from peft import PeftModel  # noqa: PLC0415 - an extra, and heavy
        from transformers import AutoProcessor  # noqa: PLC0415 - as above

        base, _ = load_model(json.loads(adapter.read_text(encoding="utf-8"))["base_model_name_or_path"])
        model, processor = PeftModel.from_pretrained(base, str(folder)), AutoProcessor.from_pretrained(str(folder))
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), processor


def _chat_turn(message: BaseMessage) -> dict[str, Any]:
    role = "system" if isinstance(message, SystemMessage) else "assistant" if message.type == "ai" else "user"
    content = message.content if isinstance(message.content, list) else [{"type": "text", "text": message.content}]
    parts = [{"type": "text", "text": part} if isinstance(part, str) else _part(part) for part in content]
    # Pictures first, as in training.
    return {"role": role, "content": sorted(parts, key=lambda part: part["type"] != "image")}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part.get("type") != "image_url":
        return {"type": "text", "text": str(part.get("text", ""))}
    from PIL import Image  # noqa: PLC0415 - heavy

    url = part["image_url"]["url"] if isinstance(part["image_url"], Mapping) else part["image_url"]
    data = base64.b64decode(url.partition(",")[2])
    return {"type": "image", "image": Image.open(io.BytesIO(data)).convert("RGB")}


def load_model(base: str) -> tuple[Any, Any]:
    """Load a vision-language model and its processor from the hub or a folder.

    Raises:
        UsageError: there is none of that name, or a package it needs is missing.
    """
    from transformers import AutoModelForImageTextToText, AutoProcessor  # noqa: PLC0415 - an extra, and heavy
    from transformers.utils import logging  # noqa: PLC0415 - as above

    # Its progress bars and hints would mix with our own lines; errors are raised.
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        return AutoModelForImageTextToText.from_pretrained(base), AutoProcessor.from_pretrained(base)
    except ImportError as error:
        raise UsageError(f"{base}: its processor needs a package: {_first_line(error)}") from error
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{base}: no vision-language model that can be loaded: {_first_line(error)}; "
            "name one on the hub, or a folder with its weights"
        ) from error


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
