"""Errors of this package, as one tree.

::

    EcoAlignError
    ├── UsageError               the caller's mistake, to be corrected (exit status 2)
    │   ├── ImageError           a picture that can't be read, or is larger than allowed
    │   ├── PolicyError          a setting out of range, or a setting that does not exist
    │   ├── PromptError          a prompt file that is missing, broken, or given the wrong inputs
    │   ├── ModelNameError       a model that can't be built: unknown name, missing package, missing key
    │   └── BudgetTooSmallError  the budget can't pay for a scan and an answer
    └── RunError                 failure during a run (exit status 1)
        ├── BudgetError          a call that does not fit into what is left: it was not made
        └── ModelError           a model's endpoint failed
            ├── UnreachableError     nothing answers at that address
            ├── AccessError          401 or 403: the key is wrong or may not do this
            ├── NotFoundError        404: no such model or path on that server
            ├── RateLimitError       429 that outlasted the retries, or no request allowed before the deadline
            ├── ServerError          5xx, or an answer that is no chat completion
            ├── RejectedError        400 or 422: the server understood the request and refuses it
            └── ModelTimeoutError    no answer in time

A message names the thing, the value and the limit, in one line, with what to do next.
"""


class EcoAlignError(Exception):
    """Anything this package raises on purpose."""


class UsageError(EcoAlignError):
    """The caller's mistake; nothing was spent for it."""


class ImageError(UsageError):
    """A picture that can't be read, or is larger than allowed."""


class PolicyError(UsageError):
    """A setting out of range, or a setting that does not exist."""


class PromptError(UsageError):
    """A prompt file that is missing or broken, or rendering with other inputs than it declares."""


class ModelNameError(UsageError):
    """A model that can't be built: unknown name, missing package, missing key."""


class BudgetTooSmallError(UsageError):
    """The budget can't pay for a scan and an answer. The message names the minimum."""


class RunError(EcoAlignError):
    """Failure during a run."""


class BudgetError(RunError):
    """A call that does not fit into what is left of the budget. It was not made."""


class ModelError(RunError):
    """A model's endpoint failed. What the attempt may have cost is booked all the same."""


class UnreachableError(ModelError):
    """Nothing answers at that address, or the connection broke."""


class AccessError(ModelError):
    """401 or 403: the key is wrong, missing, or may not do this."""


class NotFoundError(ModelError):
    """404: no such model, or no such path on that server."""


class RateLimitError(ModelError):
    """429 that outlasted the retries, or a wait for the endpoint's rate that would outlast the deadline."""


class ServerError(ModelError):
    """5xx, or an answer that is no chat completion."""


class RejectedError(ModelError):
    """400 or 422: the server understood the request and refuses it."""


class ModelTimeoutError(ModelError):
    """No answer in time. What was reserved for the call is booked, as an estimate."""
