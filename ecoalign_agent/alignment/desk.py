"""What all nodes of one compiled graph share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ecoalign_agent.alignment.costing import PromptSizes
from ecoalign_agent.alignment.growth import Growth
from ecoalign_agent.alignment.memo import Recent
from ecoalign_agent.alignment.ports import Ports
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.tariff import Price, Tariff
from ecoalign_agent.llm.image_scale import Gauge
from ecoalign_agent.llm.images import Gallery, ImageView, Picture
from ecoalign_agent.trace.result import Models


@dataclass(frozen=True, slots=True)
class Desk:
    """What all nodes of one compiled graph share.

    Attributes:
        ports: what the search asks of models.
        policy: every knob.
        models: who answers and who grades, for the result.
        gauge: how the actor counts prompts.
        sizes: tokens of the prompts, and the calls that a verdict takes.
        prompts: name@version#digest of every prompt in use.
        notes: what every result of this graph must say.
        gallery: opened pictures, by content.
        prices: what endpoints cost in money, by name; one that is not in it has no known price.
        tariffs: tokens → cost units by endpoint's name, where each has its own; else all have the policy's.
        front: what stands in front of the search, such as a rewriter: its models and its policy, in words.
        folds: the last fold of the journal of each run under way.
        opened: the pictures of each run under way, with their reduced views.
    """

    ports: Ports
    policy: Policy
    models: Models
    gauge: Gauge
    sizes: PromptSizes
    prompts: Sequence[str]
    notes: Sequence[str] = ()
    gallery: Gallery = field(default_factory=Gallery)
    prices: Mapping[str, Price] = field(default_factory=dict)
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    front: Sequence[str] = ()
    folds: Recent[Growth] = field(default_factory=Recent)
    opened: Recent["Opened"] = field(default_factory=Recent)


@dataclass(frozen=True, slots=True)
class Opened:
    """A request's pictures: as they came, opened, and as reduced views, all in the same order."""

    sources: Sequence[bytes | str] = ()
    pictures: Sequence[Picture] = ()
    views: Sequence[ImageView] = ()
