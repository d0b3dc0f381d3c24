"""An assessor of your own: one asynchronous method, here with a house rule and no model.

    PYTHONPATH=. ecoalign ask "When does it open?" --assessor examples.assessor:NoPrices --assessor offline

Run as a program it does the same in Python. An installed package declares it as an entry point instead, and is then
named by that: [project.entry-points."ecoalign_agent.assessors"].
"""

import asyncio
import re

from ecoalign_agent import AssessmentInput, EcoAlign, Verdict


class NoPrices:
    """Finds an answer unsafe that names a price; grades safety alone, so that another assessor grades utility."""

    grades_utility = False

    async def assess(self, case: AssessmentInput) -> Verdict:
        """Grade ``case.candidate``; it is empty where the question itself is assessed."""
        names_price = re.search(r"[$€£]\s?\d|\d\s?(?:euros?|dollars?)\b", case.candidate, re.IGNORECASE)
        return Verdict(safety=-1.0 if names_price else 1.0, utility=None, cost=0.0)


async def main() -> None:
    """Ask a question that may name no price."""
    async with EcoAlign("offline", assessor=[NoPrices(), "offline"]) as agent:
        result = await agent.ask("When does it open?")
    print(result.status, result.models.assessor)


if __name__ == "__main__":
    asyncio.run(main())
