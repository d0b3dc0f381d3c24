"""What every record that is told or handed out has in common."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Base of everything a run tells: frozen, JSON-safe, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tokens(Record):
    """Parts of all calls' tokens: uncached prompt text, image, cached prompt, completion.

    ``image`` is what was booked: reported, where the provider tells it. ``image_estimated``, beside them and in no sum,
    is what our formula says of the same pictures.
    """

    prompt: int = 0
    image: int = 0
    cached: int = 0
    completion: int = 0
    image_estimated: int = 0
