"""Structural similarity against scikit-image's."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity as by_scikit_image

from soulbench.models.ssim import structural_similarity


def noise(size, seed):
    return np.random.default_rng(seed).random((*size, 3))


PAIRS = {
    "noise": (noise((12, 12), 0), noise((12, 12), 1)),
    "not square": (noise((5, 9), 0), noise((5, 9), 1)),
    "alike": (noise((16, 16), 2), np.clip(noise((16, 16), 2) + 0.1 * noise((16, 16), 3), 0, 1)),
    "constant": (np.full((8, 8, 3), 0.2), np.full((8, 8, 3), 0.7)),
    "black and white": (np.zeros((8, 8, 3)), np.ones((8, 8, 3))),
    "negative": (noise((8, 8), 4), 1 - noise((8, 8), 4)),
    "one window": (noise((3, 3), 5), noise((3, 3), 6)),
}


def tensor(*images):
    return torch.from_numpy(np.stack(images)).movedim(-1, 1)


@pytest.mark.parametrize(("first", "second"), PAIRS.values(), ids=PAIRS)
def test_equal_to_scikit_image(first, second):
    similarity = structural_similarity(tensor(first), tensor(second))
    assert similarity.shape == (1, 3, first.shape[0] - 2, first.shape[1] - 2)
    expected = by_scikit_image(first, second, win_size=3, channel_axis=-1, data_range=1)
    assert float(similarity.mean()) == pytest.approx(expected, abs=1e-12)


def test_the_map_equals_scikit_images():
    first, second = PAIRS["noise"]
    _, expected = by_scikit_image(first, second, win_size=3, channel_axis=-1, data_range=1, full=True)
    similarity = structural_similarity(tensor(first), tensor(second))[0].movedim(0, -1).numpy()
    np.testing.assert_allclose(similarity, expected[1:-1, 1:-1], atol=1e-12)


def test_images_of_a_batch_are_compared_one_by_one():
    (a, b), (c, d) = PAIRS["noise"], (noise((12, 12), 7), noise((12, 12), 8))
    both = structural_similarity(tensor(a, c), tensor(b, d))
    torch.testing.assert_close(both[1:], structural_similarity(tensor(c), tensor(d)))


def test_first_and_second_derivatives_are_right():
    first = tensor(noise((4, 5), 0)).requires_grad_()
    second = tensor(noise((4, 5), 1))
    assert torch.autograd.gradcheck(lambda x: structural_similarity(x, second), first)
    assert torch.autograd.gradgradcheck(lambda x: structural_similarity(x, second).mean(), first)
