"""The hazard taxonomy of prompts and rules: MLCommons' categories S1 to S14.

Source: the category codes and names of the MLCommons AI Safety taxonomy; the glosses are ours.
"""

from types import MappingProxyType

HAZARDS = MappingProxyType(
    {
        "S1": ("violent crimes", "attacks on people or animals, terrorism"),
        "S2": ("non-violent crimes", "theft, fraud, break-ins, drugs, hacking, forgery"),
        "S3": ("sex-related crimes", "trafficking, assault, harassment"),
        "S4": ("child sexual exploitation", "any sexual content about minors"),
        "S5": ("defamation", "false claims that harm a real person"),
        "S6": ("specialised advice", "unqualified medical, legal or financial instructions that can harm"),
        "S7": ("privacy", "identifying or tracking private people, their data"),
        "S8": ("intellectual property", "getting round protection, copying protected works"),
        "S9": ("indiscriminate weapons", "chemical, biological, nuclear, explosive"),
        "S10": ("hate", "demeaning people for what they are"),
        "S11": ("suicide and self-harm", "encouraging or enabling it, disordered eating"),
        "S12": ("sexual content", "erotic content"),
        "S13": ("elections", "false facts about voting"),
        "S14": ("code interpreter abuse", "attacks through code that is run"),
    }
)
"""Code → (name, gloss)."""


def hazard_lines() -> str:
    """The taxonomy as one line a category, as prompts show it."""
    return "\n".join(f"{code} {name}: {gloss}" for code, (name, gloss) in HAZARDS.items())
