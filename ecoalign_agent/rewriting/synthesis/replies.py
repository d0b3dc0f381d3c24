"""What the synthesis stages' model is asked to reply."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Words = Annotated[str, Field(max_length=2_000)]


class Feature(BaseModel):
    """One thing that drove the unsafe answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    where: Literal["text", "image", "both"]
    what: Words


class HindsightReply(BaseModel):
    """F, the risk features: why one answer went wrong where another did not."""

    model_config = ConfigDict(extra="forbid", strict=True)

    contrast: Words
    features: Annotated[list[Feature], Field(max_length=20)]
    hazards: list[str]

    @property
    def lines(self) -> str:
        """The features as the next prompt shows them."""
        told = [f"{feature.where}: {' '.join(feature.what.split())}" for feature in self.features]
        return "\n".join([f"contrast: {' '.join(self.contrast.split())}", *told])
