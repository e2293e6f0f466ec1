"""SIMSG's networks and its training step in their usual form: object by object, layouts painted, nothing factored.

The reference that the package's clever operations are tested against, and that benchmarks/train_step.py is timed
against. It runs on the package's own modules, so that both have the same parameters.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soulbench.models.decoder import LEAK
from soulbench.models.discriminators import CROP
from soulbench.training.losses import PERCEPTUAL_LAYERS


def sampled(values, rows, columns):
    """Bilinear values [..., r, c] of a map [..., R, C] at positions counted in its pixels, the border continued."""
    top, below, down = _neighbours(rows, values.shape[-2])
    left, right, along = _neighbours(columns, values.shape[-1])

    def line(index):
        chosen = values[..., index, :]
        return chosen[..., left] * (1 - along) + chosen[..., right] * along

    return line(top) * (1 - down)[:, None] + line(below) * down[:, None]


def _neighbours(positions, length):
    positions = (positions - 0.5).clamp(0, length - 1)
    first = positions.floor().long()
    return first, (first + 1).clamp(max=length - 1), positions - first


def cropped(image, box, size):
    """One box [4] of one image [C, H, W], resized to [C, size, size]."""
    x0, y0, x1, y1 = box.unbind()
    centres = (torch.arange(size, dtype=box.dtype) + 0.5) / size
    height, width = image.shape[1:]
    return sampled(image, (y0 + (y1 - y0) * centres) * height, (x0 + (x1 - x0) * centres) * width)


def crops(images, boxes, image_of, size):
    """Every object's crop [N, C, size, size], one after the other."""
    return torch.stack(
        [cropped(images[image], box, size) for image, box in zip(image_of.tolist(), boxes, strict=True)]
    )


def placed(mask, box, size):
    """A mask [m, m] in its box [4] on an empty canvas [size, size]; pixels whose centre is outside get nothing."""
    x0, y0, x1, y1 = box.unbind()
    centres = (torch.arange(size, dtype=mask.dtype) + 0.5) / size
    inside = ((centres >= y0) & (centres < y1))[:, None] & ((centres >= x0) & (centres < x1))
    if not inside.any():
        return mask.new_zeros(*mask.shape[:-2], size, size)
    rows, columns = mask.shape[-2:]
    found = sampled(mask, (centres - y0) / (y1 - y0) * rows, (centres - x0) / (x1 - x0) * columns)
    return found * inside


def painted(vectors, masks, batch, size):
    """The layout [B, D, size, size], object by object."""
    layouts = [vectors.new_zeros(vectors.shape[1], size, size) for _ in batch.image_ids]
    for index, image in enumerate(batch.image_of.tolist()):
        canvas = placed(masks[index], batch.boxes[index], size)
        layouts[image] = layouts[image] + vectors[index][:, None, None] * canvas
    return torch.stack(layouts)


def spade(block, name, norm, x, layout):
    """One SPADE normalisation with its own convolution of the painted layout."""
    names = list(block.modulate)
    width = block.condition.out_channels // len(names)
    part = slice(names.index(name) * width, (names.index(name) + 1) * width)
    hidden = F.conv2d(layout, block.condition.weight[part], block.condition.bias[part], padding=1).relu()
    modulate = block.modulate[name]
    gamma, beta = F.conv2d(hidden, modulate.weight, modulate.bias, padding=1).chunk(2, dim=1)
    return norm(x) * (1 + gamma) + beta


def spade_block(block, x, layout, picture):
    """One residual block, every normalisation of its own."""
    straight = x
    if "shortcut" in block.modulate:
        # Without running statistics of its own: the released network has one norm where the package shares one.
        straight = convolved(block.shortcut, spade(block, "shortcut", _unrecorded(block.norm_in), x, layout))
    inner = torch.cat([spade(block, "in", block.norm_in, x, layout), picture], dim=1)
    inner = convolved(block.conv_in, F.leaky_relu(inner, LEAK))
    inner = spade(block, "middle", block.norm_middle, inner, layout)
    return straight + convolved(block.conv_out, F.leaky_relu(inner, LEAK))


def convolved(convolution, x):
    """A convolution by the weight over its spectral norm."""
    weight = convolution.weight / convolution.sigma()
    return F.conv2d(x, weight, convolution.bias, padding=convolution.padding)


def _unrecorded(norm):
    def apply(x):
        if norm.training:
            return F.batch_norm(x, None, None, training=True, eps=norm.eps)
        return F.batch_norm(x, norm.running_mean, norm.running_var, eps=norm.eps)

    return apply


def masks(head, vectors):
    """The mask head's pictures [N, m, m], layer by layer on enlarged maps."""
    x = vectors[:, :, None, None]
    for norm, convolution in zip(head.norms, head.convolutions, strict=True):
        x = convolution(norm(F.interpolate(x, scale_factor=2, mode="nearest"))).relu()
    return head.out(x).sigmoid().squeeze(1)


def draw(model, batch, condition):
    """What the generator draws, and its predicted boxes, by the definition in its paper."""
    _, after, vectors = model.represent(batch, condition)
    size = batch.images.shape[-1]
    layout = painted(after, masks(model.mask_head, vectors), batch, size)
    seen = batch.images * (1 - condition.hidden) + condition.noise * condition.hidden
    picture = model.image_branch(torch.cat([seen, condition.hidden], dim=1))
    x = layout.new_zeros(len(layout), 1, 2, 2)
    for block in model.decoder.blocks:
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        sides = x.shape[-2:]
        x = spade_block(block, x, F.interpolate(layout, sides), F.interpolate(picture, sides))
    return model.decoder.out(x), model.box_head(vectors)


def generator_losses(objective, images, boxes, batch):
    """The weighted parts of the generator's loss, each network run for itself."""
    weights, judges = objective.weights, objective.discriminators
    owners = range(len(batch.image_ids))
    per_image = [(boxes - batch.boxes)[batch.image_of == i].square().mean() for i in owners]
    parts = {
        "l1": weights["l1"] * F.l1_loss(images, batch.targets),
        "boxes": weights["boxes"] * torch.stack(per_image).mean(),
    }
    if objective.perceptual is not None:
        parts["perceptual"] = weights["perceptual"] * perceptual(
            objective.perceptual.backbone, images, batch.targets
        )
    if judges is not None:
        vectors = judges.object.features(crops(images, batch.boxes, batch.image_of, CROP))
        logits = judges.object.real(vectors).squeeze(1)
        fake, real = judges.image(images), [[f.detach() for f in s] for s in judges.image(batch.targets)]
        matching = [
            sum(F.l1_loss(f, r) for f, r in zip(one[:-1], other[:-1], strict=True)) / (len(one) - 1)
            for one, other in zip(fake, real, strict=True)
        ]
        parts |= {
            "object_gan": weights["object_gan"] * F.binary_cross_entropy_with_logits(logits, ones(logits)),
            "object_class": weights["object_class"]
            * F.cross_entropy(judges.object.category(vectors), batch.categories),
            "image_gan": weights["image_gan"] * -sum(scale[-1].mean() for scale in fake) / len(fake),
            "feature_matching": weights["feature_matching"] * sum(matching) / len(matching),
        }
    return parts


def discriminator_loss(judges, images, batch):
    """The loss of both discriminators, real and drawn pictures judged in passes of their own."""
    total = 0.0
    for pictures, truth in ((images.detach(), 0.0), (batch.targets, 1.0)):
        vectors = judges.object.features(crops(pictures, batch.boxes, batch.image_of, CROP))
        logits = judges.object.real(vectors).squeeze(1)
        total = total + F.binary_cross_entropy_with_logits(logits, ones(logits) * truth)
        total = total + F.cross_entropy(judges.object.category(vectors), batch.categories)
        sign = 1 if truth else -1
        scales = judges.image(pictures)
        total = total + sum(F.relu(1 - sign * scale[-1]).mean() for scale in scales) / len(scales)
    return total


def ones(like):
    return torch.ones_like(like)


def perceptual(backbone, images, targets):
    """L1 between VGG19's activations, the backbone run on each picture for itself."""
    found = [_activations(backbone, pictures) for pictures in (images, targets)]
    return sum(
        weight * F.l1_loss(found[0][layer], found[1][layer].detach())
        for layer, weight in PERCEPTUAL_LAYERS.items()
    )


def _activations(backbone, pictures):
    found = {}
    for index, layer in enumerate(backbone):
        # In place, a ReLU would overwrite what is compared.
        pictures = F.relu(pictures) if isinstance(layer, nn.ReLU) else layer(pictures)
        found[index] = pictures
    return found


def train_step(
    networks, objective, batch, condition, optimisers, between=lambda part: None
) -> dict[str, Tensor]:
    """One update of the generator, then one of the discriminators, as SIMSG's training does; returns the losses.

    Args:
        networks, objective, batch, condition: as the package's training has them.
        optimisers: PyTorch's, by network.
        between: called with a name after each part, for a benchmark's clock.
    """
    images, boxes = draw(networks.generator, batch, condition)
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
