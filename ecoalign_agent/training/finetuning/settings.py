"""How a rewriter is trained, and what is told of it. The paper gives none of these numbers: they are ours."""

from dataclasses import dataclass

from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record

BASE = "Qwen/Qwen2-VL-7B-Instruct"
"""The published base model."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Settings of a training run.

    Raises:
        UsageError: one is out of range.
    """

    epochs: float = 3.0
    """Times the data are gone through, above 0."""
    max_steps: int | None = None
    """Optimiser steps at the most; None: as many as the epochs take."""
    learning_rate: float | None = None
    """None: 1e-4 with LoRA, 1e-5 without."""
    batch: int = 1
    """Examples on the device at once."""
    accumulate: int = 8
    """Batches that make one optimiser step."""
    full: bool = False
    """Train every weight, not a LoRA adapter."""
    lora_rank: int = 16
    """Rank of the adapter's matrices."""
    evaluation: float = 0.05
    """Share of the data that is held out, in [0, 0.5]; 0: none."""
    seed: int = 0
    """For the split, the order and the adapter's first weights."""
    save_every: int = 50
    """Optimiser steps between checkpoints."""

    def __post_init__(self) -> None:
        above = {"epochs": self.epochs, "batch": self.batch, "accumulate": self.accumulate}
        above |= {"lora_rank": self.lora_rank, "save_every": self.save_every}
        above |= {} if self.max_steps is None else {"max_steps": self.max_steps}
        above |= {} if self.learning_rate is None else {"learning_rate": self.learning_rate}
        for name, value in above.items():
            if not 0 < value < float("inf"):
                raise UsageError(f"{name} is {value!r}: give a number above 0")
        if not 0 <= self.evaluation <= 0.5:
            raise UsageError(f"evaluation is {self.evaluation!r}: give a share from 0 to 0.5")

    @property
    def rate(self) -> float:
        """The learning rate in force."""
        return self.learning_rate if self.learning_rate is not None else (1e-5 if self.full else 1e-4)


class TrainingReport(Record):
    """What came of a training run, as ``--json`` prints it.

    Attributes:
        folder: where adapter or model, processor, card and losses are.
        base: what was trained on.
        examples: training examples.
        held_out: examples of the evaluation split.
        steps: optimiser steps, those before a resumption included.
        first_loss: mean training loss of the first report.
        last_loss: mean training loss of the last report.
        held_out_loss: of the evaluation split at the end; None: there is none.
        steps_per_second: over this run.
        seconds: this run.
        device: "cpu", or the accelerator's name.
        trainable: weights that were trained.
        weights: weights in all.
        resumed: whether it went on from a checkpoint.
        lora: whether an adapter was trained.
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
