"""The sections on the sizes of the networks."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from soulbench.config.model.base import FilePath, Layers, Pixels, Section, Width

VGG16_FEATURES = 512
#: VGG16 without its last pool halves a crop four times.
VGG16_CROP = 16
#: More values than one module, or its maps, can have where training also needs gradients and Adam's moments.
MOST_VALUES = 2**34


def too_large(key: str, values: float, what: str, factors: str) -> Iterator[str]:
    """Yield an error if a tensor, or the tensors of one module, could not be allocated in float32."""
    if values > MOST_VALUES:
        yield (
            f"{key}: {what} would take {values * 4 / 1e9:,.0f} GB; allowed: at most {MOST_VALUES * 4 / 1e9:.0f} GB "
            f"({factors})"
        )


class Visual(Section):
    """Frozen visual features of objects."""

    backbone: Literal["projection", "vgg16"] = Field(description="a seeded random projection, or VGG16")
    weights: FilePath | None = Field(
        description="of vgg16: imagenet (a download) or a path; of projection: null"
    )
    crop: Annotated[int, Field(ge=1, le=512)] = Field(description="pixels per side of an object's crop")
    features: Width = Field(description="width of the features; vgg16 has 512")

    def problems(self) -> Iterator[str]:
        """Yield errors of sizes that the backbone does not have."""
        if self.backbone == "projection":
            if self.weights is not None:
                yield "weights: the backbone `projection` is untrained; allowed: null, or backbone: vgg16"
            return
        if self.features != VGG16_FEATURES:
            yield (
                f"features: {self.features}, but the backbone vgg16 has {VGG16_FEATURES}; allowed: {VGG16_FEATURES}"
            )
        if self.crop < VGG16_CROP:
            yield f"crop: the backbone vgg16 shrinks {self.crop} pixels to nothing; allowed: {VGG16_CROP} or more"


class Graph(Section):
    """The graph learner."""

    layers: Layers = Field(description="graph convolutions")
    width: Width = Field(description="width of the object vectors")
    hidden: Width = Field(description="hidden width of its two-layer networks")


class Synthesis(Section):
    """The synthesis task."""

    layernorm: bool = Field(description="false skips LayerNorm in this task, as released")
    boxes: Literal["truth", "predicted"] = Field(description="boxes in which the masks are put")
    image_node: Literal["dropped", "kept"] = Field(
        description="its feature and box: dropped as all others (release), or kept (SIMSG)"
    )


class Discriminators(Section):
    """Sizes of the two discriminators."""

    object_filters: Width = Field(description="channels of the object discriminator's first layer")
    object_hidden: Width = Field(description="width of its last hidden layer")
    image_filters: Width = Field(description="channels of the image discriminator's first layer")
    image_layers: Annotated[int, Field(ge=1, le=8)] = Field(
        description="strided layers of the image discriminator"
    )
    image_scales: Annotated[int, Field(ge=1, le=6)] = Field(description="scales of the image that it sees")

    def problems(self) -> Iterator[str]:
        """Yield an error if the widest layer could not be allocated."""
        widest = self.image_filters * 2**self.image_layers
        yield from too_large(
            *("image_filters", 16 * widest**2 / 2 * self.image_scales, "the image discriminator"),
            "image_filters doubles image_layers times, at image_scales scales",
        )


class Generator(Section):
    """Sizes of the generator and the discriminators."""

    embedding: Width = Field(description="width of the embeddings and of the projected visual features")
    visual: Visual = Field(description="frozen visual features of objects")
    graph: Graph = Field(description="the graph learner")
    synthesis: Synthesis = Field(description="the synthesis task")
    mask_size: Pixels = Field(description="pixels per side of an object's mask, a power of two")
    mask_channels: Width = Field(description="channels of the mask head")
    image_channels: Width = Field(description="channels of the image branch")
    spade_hidden: Width = Field(description="hidden channels of the SPADE blocks")
    decoder: list[Width] = Field(
        description="output channels of the SPADE blocks; image_size = 2 x 2^blocks",
        min_length=2,
        max_length=10,
    )
    discriminators: Discriminators = Field(description="used if a GAN loss has a weight")

    def problems(self) -> Iterator[str]:
        """Yield errors of the mask size, and of modules that could not be allocated."""
        mask = self.mask_size
        if mask & (mask - 1) or mask < 2:
            yield f"mask_size: {mask} is not allowed; allowed: a power of two, 2 or more"
        layout, values = self.graph.width + self.embedding, 0
        for before, after in zip([1, *self.decoder], self.decoder, strict=False):
            values += 9 * 3 * self.spade_hidden * (layout + 4 * before)
            values += 9 * (before + self.image_channels + after) * after
        yield from too_large(
            *("decoder", values, "the SPADE blocks"),
            "set by decoder, spade_hidden, image_channels, embedding and graph.width",
        )
