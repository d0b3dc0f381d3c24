"""Prompts are data: Markdown with front matter, rendered with fences round everything that comes from outside.

A file holds ``# System`` and ``# User``. Its front matter declares ``name``, ``version``, ``source``, ``inputs`` and,
among the inputs, which are ``fenced``: those are wrapped as ``<question 5f2c9a1e> … </question 5f2c9a1e>`` with a
marker drawn anew for every call, so that text which imitates a fence can't close it. ``$marker`` is always there for
the prompt to name it. Stand-in models take the messages apart again with the functions at the end. Source: ours.
"""

import contextlib
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from ecoalign_agent.errors import PromptError, UsageError
from ecoalign_agent.images.message_content import MessageImage, read_block

PROMPT_METADATA_KEY = "ecoalign"
"""Key in a message's ``additional_kwargs`` of the values that stand-in models read instead of the words."""

_SYSTEM, _USER = "# System\n", "# User\n"


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt with its inputs in place: the instructions, and the fenced data in the order of the prompt file.

    Attributes:
        marker: of its fences, drawn for this call and found nowhere in the inputs; "": it has none.
        data: the fenced inputs by name, without their fences.
        parameters: other values of the call, for stand-in models; they stand in no message's words.
    """

    system: str
    user: str
    name: str
    marker: str = ""
    data: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def with_parameters(self, parameters: Mapping[str, Any]) -> "RenderedPrompt":
        """The same prompt with ``parameters`` beside its words."""
        return replace(self, parameters={**self.parameters, **parameters}) if parameters else self


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt file, parsed and checked; ``digest`` begins its SHA-256. Build it once, never inside a node."""

    name: str
    version: int
    source: str
    inputs: frozenset[str]
    delimited: frozenset[str]
    digest: str
    system: Template = field(repr=False)
    user: Template = field(repr=False)

    @property
    def label(self) -> str:
        """Name, version and digest in one string, as results and traces record it."""
        return f"{self.name}@{self.version}#{self.digest}"

    def render(self, marker: str | None = None, **inputs: str) -> RenderedPrompt:
        """Put ``inputs`` in place; user text with ``$`` or ``{`` is never expanded. Tests give the ``marker``."""
        if inputs.keys() != self.inputs:
            missing, extra = sorted(self.inputs - inputs.keys()), sorted(inputs.keys() - self.inputs)
            raise PromptError(f"prompt {self.name}: missing inputs {missing}, unknown inputs {extra}")
        marker = marker or _marker_absent_from(inputs.values())
        values = {k: _fence(k, v, marker) if k in self.delimited else v for k, v in inputs.items()} | {"marker": marker}
        return RenderedPrompt(
            system=self.system.substitute(values),
            user=self.user.substitute(values),
            name=self.name,
            marker=marker,
            data={k: v for k, v in inputs.items() if k in self.delimited},
        )


def load_prompt(name: str, folder: str | None = None) -> Prompt:
    """Read and check the prompt ``name``, such as ``"alignment/scan"``; what ``folder`` lacks comes from the package.

    Raises:
        PromptError: no such prompt, broken front matter, or a placeholder that is not declared.
    """
    if folder is not None:
        root = Path(folder)
        if not root.is_dir():
            raise PromptError(f"prompts folder {folder}: no such folder")
        own = root / f"{name}.md"
        if own.is_file():
            try:
                return _parse(name, own.read_text(encoding="utf-8"))
            except UnicodeDecodeError as error:
                raise PromptError(f"prompt {own}: not UTF-8 text (byte {error.start})") from error
    return _shipped(name)


@lru_cache(maxsize=64)
def _shipped(name: str) -> Prompt:
    source = files("ecoalign_agent.prompts").joinpath(*f"{name}.md".split("/"))
    if not source.is_file():
        raise PromptError(f"prompt {name}: not among the prompts of this package")
    return _parse(name, source.read_text(encoding="utf-8"))


def _parse(name: str, text: str) -> Prompt:
    import yaml  # noqa: PLC0415 - only needed where a prompt is read

    text = text.replace("\r\n", "\n")
    try:
        _, front, body = text.split("---\n", 2)
        head = yaml.safe_load(front)
    except (ValueError, yaml.YAMLError) as error:
        raise PromptError(f"prompt {name}: needs front matter between two lines of ---") from error
    if not isinstance(head, Mapping) or _SYSTEM not in body or _USER not in body:
        raise PromptError(f"prompt {name}: needs front matter, a part '# System' and a part '# User'")
    try:
        inputs, fenced = frozenset(map(str, head["inputs"])), frozenset(map(str, head["fenced"]))
        version, source = int(head["version"]), str(head["source"])
    except (KeyError, TypeError, ValueError) as error:
        raise PromptError(f"prompt {name}: front matter needs name, version, source, inputs, fenced") from error
    system, user = (Template(part.strip() + "\n") for part in body.split(_SYSTEM, 1)[1].split(_USER, 1))
    for template, part in ((system, "System"), (user, "User")):
        if not template.is_valid():
            raise PromptError(f"prompt {name}: a '$' in {part} that names no input; write $$ for a dollar sign")
    used = set(system.get_identifiers()) | set(user.get_identifiers())
    if head.get("name") != name or used - {"marker"} != inputs or not fenced <= inputs:
        raise PromptError(
            f"prompt {name}: front matter says name {head.get('name')!r} and inputs {sorted(inputs)}, "
            f"the text uses {sorted(used - {'marker'})}"
        )
    if fenced & set(system.get_identifiers()):
        raise PromptError(f"prompt {name}: data from outside {sorted(fenced)} belongs under '# User'")
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Prompt(name, version, source, inputs, fenced, digest, system, user)


def _fence(name: str, value: str, marker: str) -> str:
    return f"<{name} {marker}>\n{value}\n</{name} {marker}>"


def _marker_absent_from(values: Iterable[str]) -> str:
    text = "\n".join(values)
    while (marker := secrets.token_hex(4)) in text:
        continue
    return marker


_OPENING = re.compile(r"\s*<[a-z_]+ ([0-9A-Za-z]{4,32})>\n")


def read_message_content(content: str | list[Any], pictures: list[MessageImage]) -> str:
    """The words of a message's content, its blocks a line each; its pictures are added to ``pictures``.

    Other blocks, and pictures that can't be used, are left out: stand-in models take what comes.
    """
    texts = []
    for block in [content] if isinstance(content, str) else content:
        with contextlib.suppress(UsageError):
            part = read_block(block)
            if isinstance(part, str):
                texts.append(part)
            else:
                pictures.append(part)
    return "\n".join(texts)


def delimiter_marker(user: str, system: str) -> str | None:
    """The marker of the fence that a user message opens with; None: the system message names no such marker."""
    opening = _OPENING.match(user)
    return opening.group(1) if opening is not None and opening.group(1) in system else None


def delimited_inputs(user: str, system: str) -> dict[str, str]:
    """The content of each fence of a user message by its name; "(none)" reads as "".

    Only fences with the marker that the system message names count: one imitated inside the data stays text.
    """
    marker = delimiter_marker(user, system)
    if marker is None:
        return {}
    fence = re.compile(rf"<([a-z_]+) {marker}>\n(.*?)\n?</\1 {marker}>", re.DOTALL)
    return {name: "" if value.strip() == "(none)" else value.strip() for name, value in fence.findall(user)}
