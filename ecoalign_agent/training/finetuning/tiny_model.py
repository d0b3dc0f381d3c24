"""A tiny vision-language model with random weights and a tokenizer trained on the given data, for tests.

Shows how ``ecoalign train`` runs without a download. LLaVA's architecture: its processor, unlike Qwen2-VL's, needs no
torchvision; the training code knows neither by name.

    python -m ecoalign_agent.training.finetuning.tiny_model DATA.jsonl FOLDER

Expect a folder of about two megabytes. Its answers are noise until it is trained on DATA, and then it knows DATA only.
Needs: pip install 'ecoalign-agent[train]'
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

_SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"]

_IMAGE_SIDE, _PATCH_SIDE = 56, 14
"""Pixels of a picture's side, and of a patch: 4 × 4 patches."""

_CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tiny_model(folder: Path, texts: Iterable[str], *, seed: int = 0) -> Path:
    """Write a model of some 0.2 million weights that knows the letters of ``texts``; returns its folder."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1_500,
        special_tokens=_SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=_SPECIAL_TOKENS[2],
        pad_token=_SPECIAL_TOKENS[0],
        extra_special_tokens={"image_token": "<image>"},
    )
    ids = {token: fast.convert_tokens_to_ids(token) for token in _SPECIAL_TOKENS}
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=_IMAGE_SIDE,
            patch_size=_PATCH_SIDE,
            projection_dim=32,
        ),
        text_config=LlamaConfig(
            vocab_size=len(fast),
            hidden_size=96,
            intermediate_size=192,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            eos_token_id=ids["<|im_end|>"],
            pad_token_id=ids["<|endoftext|>"],
            bos_token_id=ids["<|im_start|>"],
        ),
        image_token_index=ids["<image>"],
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_seq_length=(_IMAGE_SIDE // _PATCH_SIDE) ** 2,
        projector_hidden_act="gelu",
    )
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    images = CLIPImageProcessorPil(
        size={"shortest_edge": _IMAGE_SIDE}, crop_size={"height": _IMAGE_SIDE, "width": _IMAGE_SIDE}
    )
    processor = LlavaProcessor(
        image_processor=images,
        tokenizer=fast,
        patch_size=_PATCH_SIDE,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_CHAT_TEMPLATE,
    )
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _main(data: str, folder: str) -> None:
    rows = [json.loads(line) for line in Path(data).read_text(encoding="utf-8").splitlines()]
    turns = [turn for row in rows for turn in (*row["prompt"], *row["completion"])]
    texts = [part["text"] for turn in turns for part in turn["content"] if part["type"] == "text"]
    print(f"wrote {write_tiny_model(Path(folder), texts)}: random weights, trained on nothing yet")  # noqa: T201 - a command


if __name__ == "__main__":
    _main(*sys.argv[1:])
