"""The question as the command line or standard input gives it.

What the commands need that is not always installed.

What commands that carry out a run share: the agent from its options, following it to its end, and the exit status.

Nothing heavy is imported up here, so that ``--help`` answers at once.
"""

# ruff: noqa: PLC0415 - heavy imports wait for the command that needs them

import io
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

import typer

from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed
    from ecoalign_agent.economics.policy import Policy
    from ecoalign_agent.events.result import Result


def read_question(given: str) -> str:
    """The question: as it was given, or from standard input where it is "-".

    Raises:
        UsageError: it is no UTF-8, or too long.
    """
    return _from_input() if given == "-" else _readable(given)


def _from_input() -> str:
    from ecoalign_agent.search.request import MAX_QUESTION

    try:
        asked = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8").read(MAX_QUESTION + 1)
    except UnicodeDecodeError as error:
        raise UsageError(f"the question on standard input is not UTF-8 text (byte {error.start})") from error
    if len(asked) > MAX_QUESTION:
        raise UsageError(f"the question on standard input is longer than {MAX_QUESTION:,} characters; shorten it")
    return asked


def _readable(question: str) -> str:
    try:
        question.encode()
    except UnicodeEncodeError as error:
        # The shell handed over bytes that are no UTF-8.
        raise UsageError(f"the question is not UTF-8 text (character {error.start})") from error
    return question


def installed(module: str) -> None:
    """See that a module of the extra ``eval`` is there, before anything is paid for.

    Raises:
        UsageError: it is not; the message says how to get it.
    """
    if find_spec(module) is None:
        raise UsageError(f"{module} is not installed: pip install 'ecoalign-agent[eval]'")


WAITS = 3
"""The exit status of a run that waits for a person's verdict."""


def policy_of(file: str | None, **settings: object) -> "Policy":
    """The policy of a file, with the options that were given."""
    from ecoalign_agent.economics.policy import Policy
    from ecoalign_agent.settings import read_policy

    policy = read_policy(file) if file else Policy()
    return policy.replace(**{setting: value for setting, value in settings.items() if value is not None})


def agent_of(
    model: str | None,
    base_url: str | None,
    assessor: list[str] | None,
    prompts: str | None,
    policy: "Policy",
    *,
    checkpointer: "BaseCheckpointSaver[str] | None" = None,
    image_hosts: list[str] | None = None,
    prices: str | None = None,
    rewriter: str | None = None,
) -> "EcoAlign":
    """The agent that the options describe.

    Args:
        model: who answers; None: as the environment says.
        base_url: of the server behind all models.
        assessor: who grades.
        prompts: a folder of the user's own prompts.
        policy: every setting.
        checkpointer: where runs are kept.
        image_hosts: from where pictures are fetched.
        prices: a file of prices.
        rewriter: who writes dangerous questions anew first; "": the answering model itself; None: nobody.

    Raises:
        UsageError: they don't fit together.
    """
    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.settings import read_settings

    settings = read_settings()
    grading = assessor or policy.assessors or (settings.assessor,)
    if base_url is not None and {model or settings.model, *grading} <= {"offline", None}:
        raise UsageError(f"--base-url {base_url} names a server but no model on it: add --model NAME")
    front = None
    if rewriter is not None:
        from ecoalign_agent.rewriter import Rewriter

        # A rewriter that was trained checks nothing: the answering model does.
        checker = (model or settings.model) if rewriter.startswith("trained:") else None
        front = Rewriter(rewriter or model, checker=checker, base_url=base_url, prompts=prompts)
    return EcoAlign(
        model,
        policy=policy,
        assessor=assessor or None,
        base_url=base_url,
        prompts=prompts,
        image_hosts=image_hosts or None,
        prices=prices,
        rewriter=front,
        checkpointer=checkpointer,
    )


def state_of(given: str | None) -> str | None:
    """Where runs are kept: as given, else as the environment says; None: nowhere."""
    from ecoalign_agent.settings import read_settings

    if given is not None:
        return given
    state = read_settings().state
    return None if state is None else state.get_secret_value()


@asynccontextmanager
async def kept_agent(state: str | None, build: "Callable[..., EcoAlign]") -> "AsyncIterator[EcoAlign]":
    """The agent, over the place where its runs are kept, both closed in the end.

    Args:
        state: the place; None: nothing is kept.
        build: makes the agent with a ``checkpointer``.
    """
    if state is None:
        async with build() as agent:
            yield agent
        return
    from ecoalign_agent.search.checkpointing import open_checkpointer

    async with open_checkpointer(state) as saver, build(checkpointer=saver) as agent:
        yield agent


def end(output: "Output", followed: "Followed", result: "Result", state: str | None = None) -> NoReturn:
    """Show the result; the status says how it ended.

    Raises:
        typer.Exit: always.
    """
    from ecoalign_agent.cli.render.output import tell_error

    output.result(result)
    if result.status == "failed":
        tell_error(result.failure or f"the run failed: {result.stop_reason}")
    if followed.trouble:
        tell_error(followed.trouble)
    if result.waiting is not None and state is not None:
        import shlex

        from ecoalign_agent.cli.render.output import tell_notice
        from ecoalign_agent.search.checkpointing import store_name

        show = f"ecoalign review {shlex.quote(store_name(state))} {result.run_id}"
        tell_notice(f"{result.waiting.kind} {result.waiting.id} waits for a person: '{show}' shows it")
    if result.status == "failed" or followed.trouble:
        raise typer.Exit(1)
    raise typer.Exit(WAITS if result.status == "waiting" else 0)
