"""Normalisations against PyTorch's."""

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

from soulbench.models.norm import BatchNorm, SpectralConv2d

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pair():
    """Return the package's and PyTorch's convolution with the same kernel and the same singular vectors."""
    torch.manual_seed(0)
    ours = SpectralConv2d(4, 6, 3, padding=1).double()
    plain = nn.Conv2d(4, 6, 3, padding=1).double()
    plain.load_state_dict({name: ours.state_dict()[name] for name in ("weight", "bias")})
    theirs = spectral_norm(plain)  # its first iteration computes the right vector from this left one
    theirs.weight_u.copy_(ours.left)
    return ours, theirs


def test_a_spectral_convolution_equals_pytorchs_over_many_steps():
    ours, theirs = pair()
    x = random(2, 4, 5, 5)
    for step in range(4):
        results, kernels = (ours(x), theirs(x)), (ours.weight, theirs.weight_orig)
        torch.testing.assert_close(*results, **EXACT)
        probe = random(*results[0].shape, seed=step)
        gradients = [
            torch.autograd.grad((y * probe).sum(), k)[0] for y, k in zip(results, kernels, strict=True)
        ]
        torch.testing.assert_close(*gradients, **EXACT)
        with torch.no_grad():
            for kernel, gradient in zip(kernels, gradients, strict=True):
                kernel -= 0.1 * gradient


def test_a_forward_pass_in_eval_mode_changes_nothing():
    ours, _ = pair()
    ours.eval()
    before = copy.deepcopy(ours.state_dict())
    torch.testing.assert_close(ours(random(1, 4, 3, 3)), ours(random(1, 4, 3, 3)))
    assert all(torch.equal(value, before[name]) for name, value in ours.state_dict().items())


def test_the_largest_singular_value_is_found():
    ours, _ = pair()
    for _ in range(50):
        sigma = ours.sigma()
    true = torch.linalg.matrix_norm(ours.weight.flatten(1), 2)
    torch.testing.assert_close(sigma, true, rtol=1e-6, atol=0)


def test_normalising_before_an_enlargement_equals_normalising_after_it():
    small, large = BatchNorm(3).double(), nn.BatchNorm2d(3).double()
    for seed in range(3):
        x = random(2, 3, 2, 2, seed=seed) + 5
        enlarged = F.interpolate(x, scale_factor=2, mode="nearest")
        first = F.interpolate(small(x, repeats=4), scale_factor=2, mode="nearest")
        torch.testing.assert_close(first, large(enlarged), **EXACT)
    for name, value in small.state_dict().items():
        torch.testing.assert_close(value, large.state_dict()[name], **EXACT, msg=name)
    small.eval(), large.eval()
    torch.testing.assert_close(small(x, repeats=4), large(x), **EXACT)
