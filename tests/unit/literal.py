"""SIMSG's networks and training step in their usual form: object by object, with whole layouts and no factoring.

The package's operations are tested against it, and benchmarks/train_step.py compares their times. It runs on the
package's modules, so that both have the same parameters, and shares no function with the package.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAK = 0.2
CROP = 32  # of the object discriminator
#: relu1_1 .. relu5_1 of VGG19.
PERCEPTUAL_WEIGHTS = {1: 1 / 32, 6: 1 / 16, 11: 1 / 8, 20: 1 / 4, 29: 1.0}


def sampled(values, rows, columns):
    """Return bilinear values [..., r, c] of a map [..., R, C] at positions in its pixels; zeros surround the map."""
    top, below, down = _neighbours(rows, values.shape[-2])
    left, right, along = _neighbours(columns, values.shape[-1])
    padded = F.pad(values, (1, 1, 1, 1))

    def row(index):
        values_of_row = padded[..., index, :]
        return values_of_row[..., left] * (1 - along) + values_of_row[..., right] * along

    return row(top) * (1 - down)[:, None] + row(below) * down[:, None]


def _neighbours(positions, length):
    positions = positions.clamp(-1, length) + 1
    first = positions.floor().long()
    return first, (first + 1).clamp(max=length + 1), positions - first


def cropped(image, box, size):
    """Return one box [4] of one image [C, H, W] as the object discriminator sees it: [C, size, size].

    Rows and columns include both ends of the box, and the image's outermost pixels lie at 0 and 1.
    """
    x0, y0, x1, y1 = box.unbind()
    steps = torch.arange(size, dtype=box.dtype) / (size - 1)
    height, width = image.shape[1:]
    return sampled(image, (y0 + (y1 - y0) * steps) * (height - 1), (x0 + (x1 - x0) * steps) * (width - 1))


def crops(images, boxes, image_of, size):
    """Return all objects' crops [N, C, size, size], computed one after the other."""
    return torch.stack(
        [cropped(images[image], box, size) for image, box in zip(image_of.tolist(), boxes, strict=True)]
    )


def pixels_of(box, size):
    """Return left, top, right, bottom of a box [4] in whole pixels, rounded down; right and bottom are exclusive."""
    x0, y0, x1, y1 = (math.floor(size * value + 1e-4) for value in box.tolist())
    left, top = min(x0, size - 1), min(y0, size - 1)
    return left, top, max(x1, left + 1), max(y1, top + 1)


def feature_crop(image, box, size):
    """Return what the visual features of one box [4] of one image [C, S, S] are computed from: [C, size, size]."""
    left, top, right, bottom = pixels_of(box, image.shape[-1])
    part = image[None, :, top:bottom, left:right]
    return F.interpolate(part, (size, size), mode="bilinear", align_corners=True)[0]


def hidden_pixels(batch, hidden_objects):
    """Return [B, 1, S, S], 1 on the pixels of the objects with these indices, pixel by pixel."""
    size = batch.images.shape[-1]
    hidden = torch.zeros(len(batch.image_ids), 1, size, size)
    for index in hidden_objects:
        left, top, right, bottom = pixels_of(batch.boxes[index], size)
        for y in range(top, bottom):
            for x in range(left, right):
                hidden[batch.image_of[index], 0, y, x] = 1
    return hidden


def placed(mask, box, size):
    """Place a mask [m, m] in its box [4] of an empty image [size, size].

    The mask's outermost values lie on the box's edges, the image's outermost pixels at 0 and 1; around the box the
    mask fades to zero.
    """
    x0, y0, x1, y1 = box.unbind()
    if x1 <= x0 or y1 <= y0:
        return mask.new_zeros(size, size)
    steps = torch.arange(size, dtype=mask.dtype) / (size - 1)
    rows, columns = mask.shape
    return sampled(mask, (steps - y0) / (y1 - y0) * (rows - 1), (steps - x0) / (x1 - x0) * (columns - 1))


def whole_layout(vectors, masks, batch, size, boxes=None):
    """Return the layout [B, D, size, size], computed object by object."""
    boxes = batch.boxes if boxes is None else boxes
    layouts = [vectors.new_zeros(vectors.shape[1], size, size) for _ in batch.image_ids]
    for index, image in enumerate(batch.image_of.tolist()):
        mask = placed(masks[index], boxes[index], size)
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
    """Convolve with the weight divided by its spectral norm, which one iteration estimates while training."""
    matrix = convolution.weight.flatten(1)
    height, width = convolution.kernel_size
    with torch.no_grad():
        right = convolution.right.view(height, width, -1).permute(2, 0, 1).flatten()
        if convolution.training:
            right = F.normalize(matrix.T @ convolution.left, dim=0)
            convolution.left.copy_(F.normalize(matrix @ right, dim=0))
    weight = convolution.weight / (convolution.left.clone() @ matrix @ right)
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
    boxes = model.box_head(vectors)
    places = batch.boxes.clone()
    if condition.predicted_boxes:
        for index, object_id in enumerate(batch.object_ids):
            if object_id >= 0:
                places[index] = boxes[index].clamp(max=1)
    layout = whole_layout(after, masks(model.mask_head, vectors), batch, size, places)
    visible = batch.images * (1 - condition.hidden) + condition.noise * condition.hidden
    image_features = model.image_branch(torch.cat([visible, condition.hidden], dim=1))
    x = layout.new_zeros(len(layout), 1, 2, 2)
    for block in model.decoder.blocks:
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        size = x.shape[-2:]
        x = spade_block(block, x, F.interpolate(layout, size), F.interpolate(image_features, size))
    return model.decoder.out(x), boxes


def generator_losses(objective, images, boxes, batch, redrawn):
    """Return the weighted parts of the generator's loss; no pass of a network serves two of them.

    Args:
        objective: gives the weights and the networks.
        images, boxes: of the generator.
        batch: with the true images and boxes.
        redrawn: indices of the objects that the object discriminator judges.
    """
    weights, discriminators = objective.weights, objective.discriminators
    parts = {
        "l1": weights["l1"] * F.l1_loss(images, batch.targets),
        "boxes": weights["boxes"] * F.mse_loss(boxes, batch.boxes),
    }
    if objective.perceptual is not None:
        parts["perceptual"] = weights["perceptual"] * perceptual(
            objective.perceptual.backbone, images, batch.targets
        )
    if discriminators is not None:
        vectors = discriminators.object.features(crops(images, batch.boxes, batch.image_of, CROP)[redrawn])
        logits = discriminators.object.real(vectors).squeeze(1)
        fake, real = judged(discriminators, images, batch)
        matching = sum(
            F.l1_loss(f, r.detach())
            for of_fake, of_real in zip(fake, real, strict=True)
            for f, r in zip(of_fake[:-1], of_real[:-1], strict=True)
        )
        parts |= {
            "object_gan": weights["object_gan"] * F.binary_cross_entropy_with_logits(logits, ones(logits)),
            "object_class": weights["object_class"]
            * F.cross_entropy(discriminators.object.category(vectors), batch.categories[redrawn]),
            "image_gan": weights["image_gan"] * -sum(scale[-1].mean() for scale in fake) / len(fake),
            "feature_matching": weights["feature_matching"] * matching / len(fake),
        }
    return parts


def judged(discriminators, images, batch):
    """Return the image discriminator's activations of the generated and of the real images, from one pass."""
    both = discriminators.image(torch.cat([images, batch.targets]))
    count = len(images)
    return [[stage[:count] for stage in scale] for scale in both], [
        [stage[count:] for stage in scale] for scale in both
    ]


def discriminator_loss(discriminators, images, batch, redrawn):
    """Return the loss of both discriminators, run once more on the generated and on the real images."""
    total, images = 0.0, images.detach()
    for batch_images, truth in ((images, 0.0), (batch.targets, 1.0)):
        crops_of = crops(batch_images, batch.boxes, batch.image_of, CROP)[redrawn]
        vectors = discriminators.object.features(crops_of)
        logits = discriminators.object.real(vectors).squeeze(1)
        total = total + F.binary_cross_entropy_with_logits(logits, ones(logits) * truth)
        total = total + F.cross_entropy(discriminators.object.category(vectors), batch.categories[redrawn])
    for sign, scales in zip((-1, 1), judged(discriminators, images, batch), strict=True):
        total = total + sum(F.relu(1 - sign * scale[-1]).mean() for scale in scales) / len(scales)
    return total


def ones(like):
    return torch.ones_like(like)


def perceptual(backbone, images, targets):
    """Return the L1 between VGG19's activations of generated and real images."""
    generated, real = _activations(backbone, images), _activations(backbone, targets)
    return sum(
        weight * F.l1_loss(generated[layer], real[layer].detach())
        for layer, weight in PERCEPTUAL_WEIGHTS.items()
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
    redrawn = condition.redrawn.tolist()
    parts = generator_losses(objective, images, boxes, batch, redrawn)
    between("losses")
    optimisers["generator"].zero_grad()
    torch.stack(list(parts.values())).sum().backward()
    between("backward")
    optimisers["generator"].step()
    between("optimiser")
    if networks.discriminators is not None:
        parts["discriminators"] = discriminator_loss(networks.discriminators, images, batch, redrawn)
        optimisers["discriminators"].zero_grad()
        parts["discriminators"].backward()
        optimisers["discriminators"].step()
        between("discriminators")
    return {name: value.detach() for name, value in parts.items()}
