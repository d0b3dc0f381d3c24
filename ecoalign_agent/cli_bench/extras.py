"""What the commands need that is not always installed."""

from importlib.util import find_spec

from ecoalign_agent.errors import UsageError


def installed(module: str) -> None:
    """See that a module of the extra ``eval`` is there, before anything is paid for.

    Raises:
        UsageError: it is not; the message says how to get it.
    """
    if find_spec(module) is None:
        raise UsageError(f"{module} is not installed: pip install 'ecoalign-agent[eval]'")
