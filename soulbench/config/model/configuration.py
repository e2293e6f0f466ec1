"""The whole configuration, and what is checked across its sections."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from soulbench.config.model.base import FilePath, Id, Name, Section, Seed, Unique
from soulbench.config.model.data import Data, Human, Requests
from soulbench.config.model.evaluation import (
    Ablations,
    Analysis,
    AttackEntry,
    Evaluation,
    MethodEntry,
    References,
    Report,
)
from soulbench.config.model.generator import Generator, too_large
from soulbench.config.model.training import Training, Unlearning
from soulbench.config.reserved import METHOD_NAMES

RESERVED = "reserved"
MOST_RUNS = 1_000_000


def _not_reserved(name: str) -> str:
    if name in METHOD_NAMES:
        raise PydanticCustomError(RESERVED, "reserved")
    return name


MethodName = Annotated[Id, AfterValidator(_not_reserved)]


class Configuration(Section):
    """`config.yaml` holds every key; an overlay (`--configfile`) changes some. Unknown keys are refused."""

    name: Name = Field(description="results go to results/<name>/")
    seed: Seed = Field(
        description="base seed of the data, the noise and the evaluation, never of the training"
    )
    seeds: Unique[Seed] = Field(description="training seeds; each has its own original model", min_length=1)
    device: Literal["cpu", "gpu", "auto"] = Field(description="auto takes the GPU if there is one")
    arithmetic: Literal["native", "portable"] = Field(
        description="with portable, all x86 processors with AVX2 give the same bits, but train more slowly "
        "(docs/reproducing.md)"
    )
    data: Data = Field(description="images and scene graphs, and the filters that they pass")
    human: Human = Field(description="the fine-tuning subset and the held-out images: images of people")
    requests: Requests = Field(description="what models are to forget: each request is a set of objects")
    generator: Generator = Field(description="sizes of the networks")
    training: Training = Field(description="pre-training, fine-tuning and retraining")
    unlearning: Unlearning = Field(
        description="common to all fine-tuning methods; a method's own parameters are under `methods`"
    )
    plugins: Unique[FilePath] = Field(
        description="further methods, queries, metrics, attacks and figures: files (mine.py) and installed packages "
        "(docs/add-a-method.md)"
    )
    methods: dict[MethodName, MethodEntry | None] = Field(
        description="one entry per method: its parameters (soulbench methods) and the reserved keys seeds, requests "
        "(only the first so many) and variant_of (another method's code with other parameters); null switches it off",
        max_length=200,
        json_schema_extra={"additionalProperties": False},
    )
    references: References = Field(description="retrained models, which every method is compared with")
    evaluation: Evaluation = Field(description="how models are evaluated")
    attacks: dict[Id, AttackEntry | None] = Field(
        description="attacks on unlearned models (docs/attacks.md), one entry each: its parameters (soulbench attacks) "
        "and the reserved keys methods (only these), requests and seeds (only the first so many); null switches it off",
        max_length=100,
        json_schema_extra={"additionalProperties": False},
    )
    ablations: Ablations = Field(
        description="obj-if on one module after another, and with one alpha after another"
    )
    analysis: Analysis = Field(description="statistics")
    report: Report = Field(description="the page")

    def problems(self) -> Iterator[str]:
        """Yield errors across sections."""
        yield from self._image_size()
        yield from self._methods()
        yield from self._memory()
        size = self.human.size
        if self.data.source == "demo" and size is not None and size > self.data.demo.images:
            yield (
                f"human.size: {size} images, but data.demo.images is {self.data.demo.images}; allowed: at most that, "
                "or null for all that fit"
            )
        if self.training.losses.perceptual and self.training.perceptual_weights is None:
            yield (
                "training.perceptual_weights: null, but training.losses.perceptual is above 0; allowed: imagenet "
                "(a download) | the path of a file"
            )

    def _image_size(self) -> Iterator[str]:
        blocks, side = len(self.generator.decoder), self.data.image_size
        if side != 2 * 2**blocks:
            yield (
                f"generator.decoder: {blocks} blocks make images of {2 * 2**blocks} pixels per side, "
                f"but data.image_size is {side}; allowed: image_size = 2 * 2^blocks"
            )
        if self.generator.mask_size > side:
            yield (
                f"generator.mask_size: masks of {self.generator.mask_size} pixels per side do not fit in images of "
                f"{side} (data.image_size); allowed: at most {side}"
            )

    def _methods(self) -> Iterator[str]:
        original = self.methods.get("original")
        if original is None or original.model_fields_set:
            yield "methods.original: every method is compared with it; allowed: {}"
        for name, entry in self.methods.items():
            if entry is not None and entry.variant_of == "original":
                yield f"methods.{name}.variant_of: original does not unlearn; allowed: another method"
        if self.ablations.requests and self.methods.get("obj-if") is None:
            yield "ablations.requests: the ablations are of obj-if, which is off; allowed: 0, or obj-if: {}"
        requests = self.requests.kinds.total
        runs = requests * len(self.seeds) * len(self.methods)
        if self.requests.file is None and runs > MOST_RUNS:
            yield (
                f"requests.kinds: {requests} requests x {len(self.seeds)} seeds x {len(self.methods)} "
                f"methods are {runs:,} runs; allowed: at most {MOST_RUNS:,}"
            )

    def _memory(self) -> Iterator[str]:
        sizes, training = self.generator, self.training
        side, parts = self.data.image_size, training.processes * training.accumulate
        # Values per image of the widest map of the decoder, and of the masks of all objects.
        maps = max(
            (2 * 2**index) ** 2 * (width + 3 * sizes.spade_hidden + sizes.image_channels)
            for index, width in enumerate(sizes.decoder, start=1)
        )
        masks = self.data.objects_per_image * max(sizes.mask_size**2 * sizes.mask_channels, 9 * side**2)
        for key, batch in (
            ("training.pretrain.batch", training.pretrain.batch / parts),
            ("training.finetune.batch", training.finetune.batch / parts),
            ("unlearning.batch", self.unlearning.batch),
        ):
            yield from too_large(
                *(key, batch * max(maps, masks), "the maps of one SPADE block"),
                "set by the batch, data.image_size, data.objects_per_image and the widths of generator",
            )
        images = (self.human.size or 0) + self.human.heldout
        yield from too_large(
            *(
                "evaluation.noise_samples",
                images * side**2 * 3 * self.evaluation.noise_samples,
                "a model's outputs",
            ),
            "set by noise_samples, human.size, human.heldout and data.image_size",
        )
