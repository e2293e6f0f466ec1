"""The sections on images, people and requests."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from soulbench.config.model.base import Count, FilePath, Label, Natural, Section, Share, Unique


class SplitShares(Section):
    """Shares of the validation and the test split."""

    val: Share = Field(description="share of the validation split")
    test: Share = Field(description="share of the test split")

    def problems(self) -> Iterator[str]:
        """Yield an error if no images are left for training."""
        if self.val + self.test >= 1:
            yield f"val: with test ({self.test}) no images are left for training; allowed: a sum below 1"


class Demo(Section):
    """Size of the demo's data set."""

    images: Annotated[int, Field(ge=1, le=100_000)] = Field(description="generated images")
    individuals: Annotated[int, Field(ge=5, le=10_000)] = Field(
        description="different people in them; the largest group has five"
    )
    twins: Annotated[int, Field(ge=0, le=5_000)] = Field(description="pairs of people with equal annotations")

    def problems(self) -> Iterator[str]:
        """Yield an error if there are more twins than people."""
        if 2 * self.twins > self.individuals:
            yield (
                f"twins: {self.twins} pairs need {2 * self.twins} people, but data.demo.individuals is "
                f"{self.individuals}; allowed: at most {self.individuals // 2}"
            )


class Data(Section):
    """Images and scene graphs, and the filters that they pass."""

    source: Literal["demo", "local", "visual_genome"] = Field(
        description="generated people, a folder in the Visual Genome layout, or a download"
    )
    root: FilePath | None = Field(
        description="folder of `local`; of `visual_genome`: files downloaded before"
    )
    image_size: Annotated[int, Field(ge=8, le=2048)] = Field(
        description="pixels per side, 2 x 2^(number of decoder blocks); the aspect ratio is not kept"
    )
    bad_photographs: Literal["error", "skip"] = Field(
        description="if a photograph is missing or broken; all such are named and counted"
    )
    split_file: FilePath | None = Field(
        description="null: the source's own vg_splits.json, or else a random split by the shares below"
    )
    split_shares: SplitShares = Field(description="where no file gives the splits")
    min_image_side: Count = Field(description="pixels; smaller images are dropped")
    min_object_side: Count = Field(description="pixels; smaller objects are dropped")
    min_object_instances: Natural = Field(
        description="training instances that a label needs to enter the vocabulary"
    )
    min_attribute_instances: Natural = Field(description="the same for attributes")
    min_predicate_instances: Natural = Field(description="the same for predicates")
    alias_predicates: Literal["all", "train"] = Field(
        description="splits whose predicate aliases are resolved (train: a defect of sg2im and the release)"
    )
    min_objects: Natural = Field(description="images with fewer objects are dropped")
    max_objects: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="images with more objects are dropped"
    )
    min_relationships: Count = Field(description="images with fewer relationships are dropped")
    max_relationships: Annotated[int, Field(ge=1, le=10_000)] = Field(
        description="images with more relationships are dropped"
    )
    max_attributes: Annotated[int, Field(ge=0, le=1000)] = Field(description="attributes kept per object")
    objects_per_image: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="objects kept beside the image node; those with relationships come first"
    )
    demo: Demo = Field(description="size of the generated data set")

    def problems(self) -> Iterator[str]:
        """Yield errors of limits that contradict each other, and of a folder that is not used or is missing."""
        if self.source == "demo" and self.root is not None:
            yield f"root: {self.root}, but data.source is demo, which is generated; allowed: null, or source: local"
        if self.source == "local" and self.root is None:
            yield "root: null; data.source is local and needs its folder (the Visual Genome layout)"
        for what in ("objects", "relationships"):
            low, high = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if low > high:
                yield f"min_{what}: {low} is above data.max_{what} ({high}); allowed: at most {high}"
        if self.objects_per_image > self.max_objects:
            yield (
                f"objects_per_image: the generator would make room for {self.objects_per_image} objects, but images "
                f"with more than {self.max_objects} are dropped (data.max_objects); allowed: at most {self.max_objects}"
            )


class Human(Section):
    """The fine-tuning subset and the held-out images: images of people."""

    labels: Unique[Label] = Field(description="labels that count as human", min_length=1)
    min_width: Share = Field(description="share of the image's width that a labelled object needs")
    size: Natural | None = Field(description="images of the fine-tuning subset; null: all that fit")
    heldout: Count = Field(
        description="at most so many images outside training with a human label, wide ones first"
    )
    selection: Literal["labels", "first_instance"] = Field(
        description="any of the labels, or as released: first instance of one label, then a window"
    )


Requested = Annotated[int, Field(ge=0, le=10_000)]


class Kinds(Section):
    """How many requests of each kind are chosen by rule."""

    object: Requested = Field(
        description="requests of one object of one image, the first of a twin if there is one"
    )
    attached: Requested = Field(
        description="requests of an object and what relationships tie to it (requests.with)"
    )
    person: Requested = Field(description="requests of a whole person: every appearance in training images")
    group: Requested = Field(description="requests of one of three or more people in an image")

    def problems(self) -> Iterator[str]:
        """Yield an error if there is no request at all."""
        if not self.total:
            yield "object: 0, as are all other kinds; allowed: at least one request"

    @property
    def total(self) -> int:
        """Return the number of requests."""
        return sum(dict(self).values())


class Requests(Section):
    """What models are to forget: a request is a set of objects."""

    file: FilePath | None = Field(
        description="requests.csv (request,image_id,object_id; if wanted, with,individual,set); null: chosen by rule"
    )
    kinds: Kinds = Field(description="requests chosen by rule, over images, categories and people")
    development: Requested = Field(
        description="more requests chosen by rule, on which methods' budgets are selected, never judged; needs a bank"
    )
    selection: Literal["varied", "first_instance"] = Field(
        description="the rule: as different as possible, or as released: the first wide person, image by image"
    )
    with_: Unique[Label] = Field(
        alias="with", description="predicates of an attached request; the objects that they lead to go along"
    )

    def problems(self) -> Iterator[str]:
        """Yield an error if nothing can go along with an attached request."""
        if self.file is None and self.kinds.attached and not self.with_:
            yield "with: [], but requests.kinds.attached is above 0; allowed: at least one predicate"
