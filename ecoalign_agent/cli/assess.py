"""``ecoalign assess selftest``."""

import sys
from typing import TYPE_CHECKING, Annotated

from ecoalign_agent.cli import options
from ecoalign_agent.cli.options import value

if TYPE_CHECKING:
    from ecoalign_agent.assessors.base import Assessor
    from ecoalign_agent.assessors.selftest.run import SelftestReport
    from ecoalign_agent.cli.render.output import Output


@options.with_output("json", "debug")
def selftest(
    output: "Output",
    assessor: options.AssessorNames = None,
    base_url: options.BaseUrl = None,
    prompts: options.PromptFolder = None,
    limit: Annotated[int | None, value("N", "Trials at most, spread over the families.", min=1)] = None,
) -> None:
    """How well an assessor holds: a corpus of attacks that are known to work, and of harmless look-alikes.

    Injections, forged verdicts, apologies and disclaimers, "Thought process:" headings, harmless text round harmful
    text, and instructions drawn into pictures; no harmful instruction is spelt out in any of them. Prints how often an
    attack flipped a verdict, what was missed, false alarms and unknown verdicts, each with its 95 % interval.

    Examples:
      ecoalign assess selftest
      ecoalign assess selftest --assessor openai:gpt-4.1-mini --limit 40
      ecoalign assess selftest --assessor openai:gpt-4.1-mini --assessor moderation:omni-moderation-latest --json

    Some 110 calls for the whole corpus; "offline", the default, is free. Several assessors are tested as the search
    uses them: the lowest grade counts.
    """
    from ecoalign_agent.assessors.combined import minimum
    from ecoalign_agent.assessors.selftest.corpus import read_corpus
    from ecoalign_agent.assessors.selftest.run import run_selftest, selftest_lines, selftest_table
    from ecoalign_agent.cli.execution import run_async
    from ecoalign_agent.factory import assessor_endpoints

    corpus, assessors = read_corpus(), _tested_assessors(assessor, base_url, prompts)
    corpus = corpus if limit is None else corpus.limited(limit)

    async def run() -> "SelftestReport":
        try:
            return await run_selftest(minimum(*assessors), corpus)
        finally:
            for endpoint in assessor_endpoints(assessors):
                await endpoint.aclose()

    output.progress(f"asking {minimum(*assessors).name}: {len(corpus.trials)} trials")
    report = run_async(run())
    if not output.json:
        from rich.console import Console

        Console(file=sys.stdout, highlight=False).print(selftest_table(report))
    output.report(report, selftest_lines(report))


def _tested_assessors(names: list[str] | None, base_url: str | None, prompts: str | None) -> "list[Assessor]":
    from ecoalign_agent.economics.policy import Policy
    from ecoalign_agent.factory import build_assessors, choose_assessors
    from ecoalign_agent.settings import read_settings

    settings = read_settings(base_url=base_url)
    choices = choose_assessors(names or None, Policy(), settings) or [settings.model]
    return build_assessors(choices, settings, prompts=prompts)


assess_commands = options.command_group(
    "Test assessors.", [(selftest, "Attacks and look-alikes: how well does an assessor hold?")]
)
