"""The generator: from a scene graph and visual features to a layout, and from that to an image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from soulbench.data.batches import Batch
from soulbench.models.decoder import Decoder
from soulbench.models.graph import GraphLearner, mlp
from soulbench.models.masks import MaskHead
from soulbench.models.norm import BatchNorm
from soulbench.models.sampling import paste_masks

#: Names in `ablations.modules` -> the attributes of `Generator` that are redacted.
MODULES: dict[str, tuple[str, ...]] = {
    "all": ("",),
    "object_embedding": ("object_embedding",),
    "predicate_embedding": ("predicate_embedding",),
    "visual_projection": ("visual_projection",),
    "norms": ("norm", "norm_layout"),
    "graph": ("graph",),
    # The two weight matrices that the release redacts.
    "first_convolution": ("graph.layers.0.net1.0.weight", "graph.layers.0.net2.0.weight"),
    "box_head": ("box_head",),
    "mask_head": ("mask_head",),
    "image_branch": ("image_branch",),
    "decoder": ("decoder",),
}


@dataclass(frozen=True)
class Condition:
    """What the generator may see of a batch.

    Attributes:
        hidden: [B, 1, H, W], 1 where the image is hidden.
        noise: [B, 3, H, W], replaces hidden pixels.
        features: [N, 1], 0 where an object's visual feature is dropped.
        boxes: [N, 1], 0 where an object's box prior is dropped.
        redrawn: [R] indices of the objects that the object discriminator judges: those that are hidden.
        redrawn_count: [] divisor that turns a sum over these into their mean: R. If the batch is a piece of a larger
            one, it is the mean R of the pieces (`Batch.object_count`).
        layernorm: False skips both LayerNorms (as the release does in synthesis).
        predicted_boxes: whether the masks are placed in the predicted instead of the true boxes.
    """

    hidden: Tensor
    noise: Tensor
    features: Tensor
    boxes: Tensor
    redrawn: Tensor
    redrawn_count: Tensor
    layernorm: bool = True
    predicted_boxes: bool = False


@dataclass(frozen=True)
class GeneratorOutput:
    """What the generator returns.

    Attributes:
        images: [B, 3, H, W] in normalised pixel space.
        boxes: [N, 4] predicted boxes.
        before_graph: [N, 2E + 4] object representation that enters the graph learner.
        after_graph: [N, G + E] object representation that enters the layout.
    """

    images: Tensor
    boxes: Tensor
    before_graph: Tensor
    after_graph: Tensor


class Generator(nn.Module):
    """SIMSG's generator; the frozen visual features are part of a batch (`soulbench.models.visual_features`).

    Args:
        sizes: the `generator` section of the configuration.
        categories: size of the object vocabulary.
        predicates: size of the predicate vocabulary.
    """

    def __init__(self, sizes: Mapping[str, Any], categories: int, predicates: int):
        super().__init__()
        width, graph = sizes["embedding"], sizes["graph"]
        self.object_embedding = nn.Embedding(categories + 1, width)
        self.predicate_embedding = nn.Embedding(predicates, width)
        self.visual_projection = nn.Linear(sizes["visual"]["features"], width)
        self.norm = nn.LayerNorm(2 * width + 4)
        self.graph = GraphLearner(2 * width + 4, width, graph["layers"], graph["hidden"], graph["width"])
        # As in SIMSG, the box head ends with a ReLU: boxes are never negative.
        self.box_head = mlp(graph["width"], graph["hidden"], 4)
        self.mask_head = MaskHead(graph["width"], sizes["mask_channels"], sizes["mask_size"])
        self.norm_layout = nn.LayerNorm(graph["width"] + width)
        image_width = sizes["image_channels"]
        self.image_branch = nn.Sequential(nn.Conv2d(4, image_width, 1), BatchNorm(image_width), nn.ReLU())
        self.decoder = Decoder(sizes["decoder"], graph["width"] + width, image_width, sizes["spade_hidden"])

    def forward(self, batch: Batch, condition: Condition) -> GeneratorOutput:
        """Generate the images of a batch of scene graphs under a condition."""
        before, after, vectors = self.represent(batch, condition)
        boxes = self.box_head(vectors)
        layout_boxes = batch.boxes
        if condition.predicted_boxes:
            layout_boxes = torch.where(batch.is_object[:, None], boxes.clamp(max=1), batch.boxes)
        masks = paste_masks(self.mask_head(vectors), layout_boxes, batch.images.shape[-1])
        hidden = condition.hidden
        visible = torch.where(hidden > 0, condition.noise, batch.images)
        image_features = self.image_branch(torch.cat([visible, hidden], dim=1))
        images = self.decoder(batch.pad(after), batch.pad(masks), image_features)
        return GeneratorOutput(images, boxes, before, after)

    def represent(self, batch: Batch, condition: Condition) -> tuple[Tensor, Tensor, Tensor]:
        """Return what enters the graph learner, what enters the layout, and the graph learner's output.

        Returns:
            [N, 2E + 4], [N, G + E] and [N, G].
        """
        visual = self.visual_projection(batch.visual) * condition.features
        boxes = batch.boxes * condition.boxes
        before = torch.cat([self.object_embedding(batch.categories), boxes, visual], dim=1)
        before = self.norm(before) if condition.layernorm else before
        predicates = self.predicate_embedding(batch.triples[:, 1])
        vectors = self.graph(before, predicates, batch.triples[:, ::2])
        after = torch.cat([vectors, visual], dim=1)
        return before, self.norm_layout(after) if condition.layernorm else after, vectors


def module_parameters(model: Generator, name: str) -> list[str]:
    """Return the names of the trainable parameters of a module; `name` is a key of `MODULES`."""
    prefixes = MODULES[name]
    return [
        key for key, value in model.named_parameters() if value.requires_grad and key.startswith(prefixes)
    ]
