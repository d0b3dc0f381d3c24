"""Tries an installed wheel from outside the checkout: no OCR extra, no test packages. Run by `.ci/run`.

Usage: python smoke.py PATH_OF_ECOALIGN FOLDER_OF_PICTURES
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import ecoalign_agent
from ecoalign_agent.llm.prompts import load_prompt


def main() -> None:
    """Fail loudly at the first thing that is not as it should be."""
    program, pictures = sys.argv[1], Path(sys.argv[2])
    home = Path(ecoalign_agent.__file__).resolve()
    assert "site-packages" in home.parts, f"not the installed package: {home}"
    for leaked in ("prompts", "graphs", "tests", "examples"):
        assert importlib.util.find_spec(leaked) is None, f"{leaked} leaked as a top-level import"
    assert load_prompt("alignment/scan").version >= 1
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    done = subprocess.run(
        [program, "ask", "What colour is the paper?", "--image", str(pictures / "museum_notice.png"), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout)
    assert result["status"] in {"answered", "declined"}, result
    assert result["cost"]["spent"] <= result["cost"]["budget"], result["cost"]
    assert "not a vision-language model" in result["models"]["actor"]
    print(f"{version.strip()}: {result['status']}, {result['cost']['calls']} calls, {result['answer']!r}")


if __name__ == "__main__":
    main()
