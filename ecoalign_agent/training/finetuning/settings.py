"""Settings and report of a training run. The paper gives none of the numbers: they are ours."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ecoalign_agent.economics.validation import one_line_errors
from ecoalign_agent.events.result import Record

_Count = Annotated[int, Field(gt=0)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrainingSettings:
    """Settings of a training run; UsageError if one is out of range."""

    epochs: _Positive = 3.0
    max_steps: _Count | None = None
    """Optimiser steps, at most; None: as many as the epochs take."""
    learning_rate: _Positive | None = None
    """None: 1e-4 with LoRA, 1e-5 without."""
    batch: _Count = 1
    """Examples on the device at the same time."""
    accumulate: _Count = 8
    """Batches that make one optimiser step."""
    full: bool = False
    """Train every weight, not a LoRA adapter."""
    lora_rank: _Count = 16
    evaluation: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    """Share of the data that is held out; 0: none."""
    seed: int = 0
    """For the split, the order and the adapter's first weights."""
    save_every: _Count = 50
    """Optimiser steps between checkpoints."""

    _errors = one_line_errors()

    @property
    def rate(self) -> float:
        """The learning rate in force."""
        return self.learning_rate if self.learning_rate is not None else (1e-5 if self.full else 1e-4)


class TrainingReport(Record):
    """Result of a training run, as ``--json`` prints it.

    Attributes:
        held_out: examples of the evaluation split.
        steps: optimiser steps, those before a resumption included.
        first_loss: mean training loss of the first report.
        last_loss: mean training loss of the last report.
        held_out_loss: at the end; None: there is no evaluation split.
        resumed: it went on from a checkpoint.
        lora: an adapter was trained.
    """

    folder: str
    base: str
    examples: int
    held_out: int
    steps: int
    first_loss: float | None
    last_loss: float | None
    held_out_loss: float | None
    steps_per_second: float
    seconds: float
    device: str
    trainable: int
    weights: int
    resumed: bool
    lora: bool
