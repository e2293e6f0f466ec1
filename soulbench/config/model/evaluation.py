"""The sections on methods, and on how their models are evaluated and reported."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from soulbench.config.model.base import FilePath, Id, Natural, Section, Title, Unique
from soulbench.core.terms import Module

#: The default of a key that may be absent, but not null.
ABSENT: Any = None
#: People of the demo's largest group.
LARGEST_GROUP = 5


class MethodEntry(Section):
    """An entry of `methods`: a method's parameters beside the reserved keys."""

    model_config = ConfigDict(extra="allow")

    seeds: Natural = Field(default=ABSENT, description="only the first so many training seeds")
    requests: Natural = Field(default=ABSENT, description="only the first so many requests")
    variant_of: Id = Field(
        default=ABSENT, description="method whose code this entry runs with other parameters"
    )


class AttackEntry(Section):
    """An entry of `attacks`: an attack's parameters beside the reserved keys; null of these is all."""

    model_config = ConfigDict(extra="allow")

    methods: Unique[Id] | None = Field(
        default=ABSENT, description="only these methods, besides the references"
    )
    requests: Natural | None = Field(default=ABSENT, description="only the first so many requests")
    seeds: Natural | None = Field(default=ABSENT, description="only the first so many training seeds")


class Bank(Section):
    """The bank of retrained models."""

    models: Annotated[int, Field(ge=4, le=1000)] = Field(description="number of models, even")
    share: Annotated[float, Field(gt=0, le=0.5)] = Field(
        description="share of the models that lack a request's objects: models x share is a whole number from 2 on"
    )

    def problems(self) -> Iterator[str]:
        """Yield errors of numbers of models that cannot be shared out."""
        if self.models % 2:
            yield f"models: {self.models} is odd; allowed: an even number from 4 on"
        size = self.models * self.share
        if size < 2 or abs(size - round(size)) > 1e-9:
            yield (
                f"share: {self.share:g} of {self.models} models are {size:g}; each request needs a whole number of "
                f"models without it, at least 2; allowed: {2 / self.models:g}, {3 / self.models:g}, ... up to 0.5"
            )


class References(Section):
    """Retrained models, which every method is compared with."""

    bank: Bank | None = Field(
        description="retrained models that lack several requests' objects each, e.g. {models: 4, share: 0.5}; "
        "null: every method is compared with the method `retrain`, one model a request"
    )


class Lpips(Section):
    """The network behind LPIPS."""

    net: Literal["alex", "squeeze", "vgg"] = Field(description="backbone")
    weights: FilePath = Field(description="imagenet (a download), a path, or seeded (untrained)")


class IdentityEncoder(Section):
    """The identity encoder, which looks for the requested individual in generated images."""

    steps: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="optimiser steps of its training")
    batch: Annotated[int, Field(ge=4, le=65_536)] = Field(description="crops per step")
    extra_people: Annotated[int, Field(ge=0, le=10_000)] = Field(
        description="people who are rendered for the encoder and its galleries alone, where the data are the demo's; "
        "0, or at least 5, as the largest group has five"
    )

    def problems(self) -> Iterator[str]:
        """Yield an error of too few people for a group."""
        if 0 < self.extra_people < LARGEST_GROUP:
            yield (
                f"extra_people: {self.extra_people} people make no group of {LARGEST_GROUP}; allowed: 0, or "
                f"{LARGEST_GROUP} or more"
            )


class Evaluation(Section):
    """How models are evaluated."""

    noise_samples: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="outputs per scene graph and task; every model gets the same noise"
    )
    lpips: Lpips = Field(description="network behind LPIPS, named wherever the number is shown")
    changed_threshold: Annotated[float, Field(ge=0, le=255)] = Field(
        description="grey levels of 255 from which a pixel value counts as changed"
    )
    queries: Unique[Id] = Field(description="altered scene graphs (soulbench queries)")
    metrics: dict[Id, dict[str, Any] | None] = Field(
        description="metrics besides the paper's (soulbench metrics), with their parameters: {delta-e: {}}; null "
        "switches one off"
    )
    identity: IdentityEncoder | None = Field(
        description="an encoder that tells who is drawn, e.g. {steps: 150, batch: 64, extra_people: 40}; null: "
        "identities are not measured"
    )


class Ablations(Section):
    """Ablations of obj-if."""

    requests: Annotated[int, Field(ge=0, le=10_000)] = Field(
        description="only the first so many requests; 0: no ablations"
    )
    seeds: Natural = Field(description="only the first so many training seeds")
    modules: Unique[Module] = Field(description="modules that are redacted, one at a time")
    alpha: Annotated[float, Field(gt=0, le=1e9)] = Field(
        description="strength at which modules are compared: one at which the usual module changes something"
    )
    alphas: Unique[Annotated[float, Field(gt=0, le=1e9)]] = Field(
        description="strengths of the redaction of the usual module, one after another"
    )

    def problems(self) -> Iterator[str]:
        """Yield errors of ablations without values."""
        for name, values in (("modules", self.modules), ("alphas", self.alphas)):
            if self.requests and not values:
                yield f"{name}: [], but ablations.requests is {self.requests}; allowed: a list of at least 1"


class Analysis(Section):
    """Statistics."""

    bootstrap: Annotated[int, Field(ge=100, le=1_000_000)] = Field(
        description="resamples of the bootstrap over requests and seeds"
    )
    confidence: Annotated[float, Field(gt=0, lt=1)] = Field(description="of the intervals")
    min_requests: Annotated[int, Field(ge=2, le=10_000)] = Field(
        description="with fewer requests: points only, no intervals and no tests"
    )


class Report(Section):
    """The page."""

    title: Title = Field(description="heading of the page")
    example_requests: Annotated[int, Field(ge=0, le=1000)] = Field(
        description="requests shown in the figure of further examples"
    )
