"""The sections on training and unlearning."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from soulbench.config.model.base import Batch, FilePath, LossWeight, Natural, Section, Share, Steps, Unique

LearningRate = Annotated[float, Field(gt=0, le=10)]
Schedule = Literal["constant", "cosine", "linear"]


class Losses(Section):
    """Weights of the losses."""

    l1: LossWeight = Field(description="mean absolute error of the pixels")
    boxes: LossWeight = Field(description="mean squared error of the predicted boxes")
    object_class: LossWeight = Field(description="category loss of the object discriminator")
    object_gan: LossWeight = Field(description="GAN loss on crops of objects")
    image_gan: LossWeight = Field(description="GAN loss on images")
    feature_matching: LossWeight = Field(description="L1 between features of the image discriminator")
    perceptual: LossWeight = Field(description="L1 between features of VGG19")

    def problems(self) -> Iterator[str]:
        """Yield an error if nothing is learnt."""
        if not any(self.model_dump().values()):
            yield "l1: all losses are zero, so nothing would be learnt; allowed: at least one above 0"


class Masking(Section):
    """What is hidden from the generator during training."""

    box: Share = Field(description="probability, per object, that its box is dropped")
    feature: Share = Field(description="probability, per object, that its visual feature is dropped")
    hide_image: Share = Field(description="share of the samples whose whole image is hidden")
    hide_features: Share = Field(description="share of the samples whose visual features are all dropped")
    grey_features: bool = Field(
        description="whether hidden objects are painted grey before features are cropped (SIMSG)"
    )


class EarlyStop(Section):
    """When pre-training stops before its last step."""

    every: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(description="steps between two validations")
    patience: Natural = Field(description="validations without a better loss after which training stops")


class Stage(Section):
    """One stage of training."""

    steps: Steps = Field(description="optimiser steps")
    batch: Batch = Field(description="images per step")


class Training(Section):
    """Pre-training, fine-tuning and retraining."""

    learning_rate: LearningRate = Field(description="of Adam")
    optimiser: Literal["adam", "muon"] = Field(
        description="of the generator; muon orthogonalises the steps of matrices. Unlearning takes adam"
    )
    matrix_rate: Annotated[float, Field(gt=0, le=1e4)] = Field(
        description="muon's learning rate of matrices, as a multiple of learning_rate"
    )
    schedule: Schedule = Field(
        description="of the learning rate; cosine and linear fall to zero within each stage"
    )
    warmup: Steps = Field(description="steps in which the learning rate rises, at the start of each stage")
    losses: Losses = Field(description="weights of the losses; 0 switches a loss off")
    perceptual_weights: FilePath | None = Field(
        description="VGG19's: imagenet (a download) or a path; needed if losses.perceptual > 0"
    )
    masking: Masking = Field(description="what is hidden from the generator during training")
    keep_image_discriminator: bool = Field(
        description="between pre-training and fine-tuning (release: false)"
    )
    checkpoint_seconds: Annotated[float, Field(gt=0, le=1e6)] = Field(
        description="seconds between two saved states of a running training"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        description="of products; sums, weights and losses stay in float32"
    )
    processes: Annotated[int, Field(ge=1, le=1024)] = Field(
        description="processes that share each batch, one per GPU or all on the CPU; unlearning takes one"
    )
    accumulate: Batch = Field(
        description="parts into which a process splits its share of a batch, to save memory"
    )
    eval_mode_after: Steps | None = Field(
        description="steps of both stages until the generator goes to eval mode and gets a new optimiser"
    )
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        description="decay of the moving average that replaces the weights at the end, e.g. 0.999"
    )
    early_stop: EarlyStop | None = Field(
        description="of pre-training, by the validation split, e.g. {every: 1000, patience: 5}"
    )
    pretrain: Stage = Field(description="pre-training, on the training split")
    finetune: Stage = Field(description="fine-tuning, on the subset of images of people")

    def problems(self) -> Iterator[str]:
        """Yield errors of batches that cannot be shared out, and of stops that contradict other keys."""
        parts = self.processes * self.accumulate
        for name, stage in (("pretrain", self.pretrain), ("finetune", self.finetune)):
            if stage.batch % parts:
                yield (
                    f"{name}.batch: {stage.batch} images cannot be shared out to training.processes x "
                    f"training.accumulate = {parts} parts; allowed: a multiple of {parts}"
                )
        if self.early_stop is None:
            return
        if self.ema_decay is not None:
            yield (
                "early_stop: it keeps the best weights, but training.ema_decay keeps an average of all; "
                "allowed: one of them, and null for the other"
            )
        if self.early_stop.every > self.pretrain.steps:
            yield (
                f"early_stop.every: {self.early_stop.every} steps, but pre-training has {self.pretrain.steps}, so it "
                "would never validate; allowed: at most as many"
            )


class Unlearning(Section):
    """What all fine-tuning methods share."""

    start: Literal["original", "pretrained"] = Field(
        description="model that methods start from (release: pretrained)"
    )
    steps: Steps = Field(description="optimiser steps")
    snapshots: Unique[Natural] = Field(
        description="steps after which models are also judged: smaller budgets of the same training"
    )
    strengths: Unique[Annotated[float, Field(gt=0, le=1e9)]] = Field(
        description="other budgets of redactions: multiples of a method's alpha"
    )
    batch: Batch = Field(description="images per step")
    learning_rate: Annotated[float, Field(ge=0, le=10)] = Field(
        description="of Adam; chosen by what noop-ft leaves intact, never by what a method forgets"
    )
    optimiser: Literal["fresh", "resumed"] = Field(
        description="what Adam starts with: nothing, or its moments at the end of the training of `start`"
    )
    schedule: Schedule = Field(description="of the learning rate; cosine and linear fall to zero")
    warmup: Steps = Field(description="steps in which the learning rate rises")
    norm_statistics: Literal["frozen", "updated"] = Field(
        description="BatchNorm's running statistics meanwhile"
    )
    roi_margin: Annotated[int, Field(ge=0, le=2048)] = Field(description="pixels around the target's box")

    def problems(self) -> Iterator[str]:
        """Yield errors of budgets."""
        beyond = [step for step in self.snapshots if step >= self.steps]
        if beyond:
            yield (
                f"snapshots: {beyond[0]}, but training ends after unlearning.steps = {self.steps}, which is judged "
                "anyway; allowed: smaller numbers"
            )
        if self.snapshots and self.schedule != "constant":
            yield (
                f"snapshots: with schedule: {self.schedule} the networks on the way are not those of a shorter "
                "training; allowed: schedule: constant, or snapshots: []"
            )
        if 1.0 in self.strengths:
            yield "strengths: 1 is alpha itself, which is judged anyway; allowed: other multiples"
        if len(self.strengths) != len(self.snapshots):
            yield (
                f"strengths: {len(self.strengths)} of redactions, but {len(self.snapshots)} snapshots of trainings; "
                "allowed: as many, so that all methods have equally many budgets to choose from"
            )
