"""SIMSG's networks and training step in their usual form: object by object, with whole layouts and no factoring.

The package's faster operations are tested against it, and benchmarks/train_step.py compares their times. It runs on
the package's modules, so that both have the same parameters.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soulbench.models.decoder import LEAK
from soulbench.models.discriminators import CROP
from soulbench.training.losses import PERCEPTUAL_LAYERS


def sampled(values, rows, columns):
    """Return bilinear values [..., r, c] of a map [..., R, C] at positions in its pixels; its border is continued."""
    top, below, down = _neighbours(rows, values.shape[-2])
    left, right, along = _neighbours(columns, values.shape[-1])

    def row(index):
        values_of_row = values[..., index, :]
        return values_of_row[..., left] * (1 - along) + values_of_row[..., right] * along

    return row(top) * (1 - down)[:, None] + row(below) * down[:, None]


def _neighbours(positions, length):
    positions = (positions - 0.5).clamp(0, length - 1)
    first = positions.floor().long()
    return first, (first + 1).clamp(max=length - 1), positions - first


def cropped(image, box, size):
    """Return one box [4] of one image [C, H, W], resized to [C, size, size]."""
    x0, y0, x1, y1 = box.unbind()
    centres = (torch.arange(size, dtype=box.dtype) + 0.5) / size
    height, width = image.shape[1:]
    return sampled(image, (y0 + (y1 - y0) * centres) * height, (x0 + (x1 - x0) * centres) * width)


def crops(images, boxes, image_of, size):
    """Return all objects' crops [N, C, size, size], computed one after the other."""
    return torch.stack(
        [cropped(images[image], box, size) for image, box in zip(image_of.tolist(), boxes, strict=True)]
    )


def pasted(mask, box, size):
    """Paste a mask [m, m] into its box [4] of an empty image [size, size]; pixels whose centre is outside stay 0."""
    x0, y0, x1, y1 = box.unbind()
    centres = (torch.arange(size, dtype=mask.dtype) + 0.5) / size
    inside = ((centres >= y0) & (centres < y1))[:, None] & ((centres >= x0) & (centres < x1))
    if not inside.any():
        return mask.new_zeros(*mask.shape[:-2], size, size)
    rows, columns = mask.shape[-2:]
    return sampled(mask, (centres - y0) / (y1 - y0) * rows, (centres - x0) / (x1 - x0) * columns) * inside


def whole_layout(vectors, masks, batch, size):
    """Return the layout [B, D, size, size], computed object by object."""
    layouts = [vectors.new_zeros(vectors.shape[1], size, size) for _ in batch.image_ids]
    for index, image in enumerate(batch.image_of.tolist()):
        mask = pasted(masks[index], batch.boxes[index], size)
        layouts[image] = layouts[image] + vectors[index][:, None, None] * mask
    return torch.stack(layouts)


def spade(block, name, norm, x, layout):
    """Apply one SPADE normalisation, with a convolution of the whole layout of its own."""
    names = list(block.modulate)
    width = block.condition.out_channels // len(names)
    part = slice(names.index(name) * width, (names.index(name) + 1) * width)
    hidden = F.conv2d(layout, block.condition.weight[part], block.condition.bias[part], padding=1).relu()
    modulate = block.modulate[name]
    gamma, beta = F.conv2d(hidden, modulate.weight, modulate.bias, padding=1).chunk(2, dim=1)
    return norm(x) * (1 + gamma) + beta


def spade_block(block, x, layout, image_features):
    """Apply one residual block; nothing is shared between its normalisations."""
    residual = x
    if "shortcut" in block.modulate:
        # This pass must not update the running statistics a second time: the module is the one that conv_in uses.
        residual = convolved(block.shortcut, spade(block, "shortcut", _unrecorded(block.norm_in), x, layout))
    inner = torch.cat([spade(block, "in", block.norm_in, x, layout), image_features], dim=1)
    inner = convolved(block.conv_in, F.leaky_relu(inner, LEAK))
    inner = spade(block, "middle", block.norm_middle, inner, layout)
    return residual + convolved(block.conv_out, F.leaky_relu(inner, LEAK))


def convolved(convolution, x):
    """Convolve with the weight divided by its spectral norm."""
    weight = convolution.weight / convolution.sigma()
    return F.conv2d(x, weight, convolution.bias, padding=convolution.padding)


def _unrecorded(norm):
    def apply(x):
        if norm.training:
            return F.batch_norm(x, None, None, training=True, eps=norm.eps)
        return F.batch_norm(x, norm.running_mean, norm.running_var, eps=norm.eps)

    return apply


def masks(head, vectors):
    """Return the mask head's masks [N, m, m], layer by layer on enlarged maps."""
    x = vectors[:, :, None, None]
    for norm, convolution in zip(head.norms, head.convolutions, strict=True):
        x = convolution(norm(F.interpolate(x, scale_factor=2, mode="nearest"))).relu()
    return head.out(x).sigmoid().squeeze(1)


def generate(model, batch, condition):
    """Return the generator's images and predicted boxes as its paper defines them."""
    _, after, vectors = model.represent(batch, condition)
    size = batch.images.shape[-1]
    layout = whole_layout(after, masks(model.mask_head, vectors), batch, size)
    visible = batch.images * (1 - condition.hidden) + condition.noise * condition.hidden
    image_features = model.image_branch(torch.cat([visible, condition.hidden], dim=1))
    x = layout.new_zeros(len(layout), 1, 2, 2)
    for block in model.decoder.blocks:
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        size = x.shape[-2:]
        x = spade_block(block, x, F.interpolate(layout, size), F.interpolate(image_features, size))
    return model.decoder.out(x), model.box_head(vectors)


def generator_losses(objective, images, boxes, batch):
    """Return the weighted parts of the generator's loss; no pass of a network serves two of them."""
    weights, discriminators = objective.weights, objective.discriminators
    images_of_batch = range(len(batch.image_ids))
    per_image = [(boxes - batch.boxes)[batch.image_of == i].square().mean() for i in images_of_batch]
    parts = {
        "l1": weights["l1"] * F.l1_loss(images, batch.targets),
        "boxes": weights["boxes"] * torch.stack(per_image).mean(),
    }
    if objective.perceptual is not None:
        parts["perceptual"] = weights["perceptual"] * perceptual(
            objective.perceptual.backbone, images, batch.targets
        )
    if discriminators is not None:
        vectors = discriminators.object.features(crops(images, batch.boxes, batch.image_of, CROP))
        logits = discriminators.object.real(vectors).squeeze(1)
        fake, real = (
            discriminators.image(images),
            [[f.detach() for f in s] for s in discriminators.image(batch.targets)],
        )
        matching = [
            sum(F.l1_loss(f, r) for f, r in zip(one[:-1], other[:-1], strict=True)) / (len(one) - 1)
            for one, other in zip(fake, real, strict=True)
        ]
        parts |= {
            "object_gan": weights["object_gan"] * F.binary_cross_entropy_with_logits(logits, ones(logits)),
            "object_class": weights["object_class"]
            * F.cross_entropy(discriminators.object.category(vectors), batch.categories),
            "image_gan": weights["image_gan"] * -sum(scale[-1].mean() for scale in fake) / len(fake),
            "feature_matching": weights["feature_matching"] * sum(matching) / len(matching),
        }
    return parts


def discriminator_loss(discriminators, images, batch):
    """Return the loss of both discriminators, run once more on the generated and on the real images."""
    total = 0.0
    for batch_images, truth in ((images.detach(), 0.0), (batch.targets, 1.0)):
        vectors = discriminators.object.features(crops(batch_images, batch.boxes, batch.image_of, CROP))
        logits = discriminators.object.real(vectors).squeeze(1)
        total = total + F.binary_cross_entropy_with_logits(logits, ones(logits) * truth)
        total = total + F.cross_entropy(discriminators.object.category(vectors), batch.categories)
        sign = 1 if truth else -1
        scales = discriminators.image(batch_images)
        total = total + sum(F.relu(1 - sign * scale[-1]).mean() for scale in scales) / len(scales)
    return total


def ones(like):
    return torch.ones_like(like)


def perceptual(backbone, images, targets):
    """Return the L1 between VGG19's activations of generated and real images."""
    generated, real = _activations(backbone, images), _activations(backbone, targets)
    return sum(
        weight * F.l1_loss(generated[layer], real[layer].detach())
        for layer, weight in PERCEPTUAL_LAYERS.items()
    )


def _activations(backbone, images):
    activations = {}
    for index, layer in enumerate(backbone):
        # Not the layer itself: an in-place ReLU would overwrite the activations before it.
        images = F.relu(images) if isinstance(layer, nn.ReLU) else layer(images)
        activations[index] = images
    return activations


def train_step(
    networks, objective, batch, condition, optimisers, between=lambda part: None
) -> dict[str, Tensor]:
    """Update the generator, then the discriminators, as SIMSG does; return the losses.

    Args:
        networks, objective, batch, condition: as in the package's training.
        optimisers: PyTorch's, by network.
        between: called with a name after each part, for a benchmark's clock.
    """
    images, boxes = generate(networks.generator, batch, condition)
    between("generator")
    parts = generator_losses(objective, images, boxes, batch)
    between("losses")
    optimisers["generator"].zero_grad()
    torch.stack(list(parts.values())).sum().backward()
    between("backward")
    optimisers["generator"].step()
    between("optimiser")
    if networks.discriminators is not None:
        parts["discriminators"] = discriminator_loss(networks.discriminators, images, batch)
        optimisers["discriminators"].zero_grad()
        parts["discriminators"].backward()
        optimisers["discriminators"].step()
        between("discriminators")
    return {name: value.detach() for name, value in parts.items()}
