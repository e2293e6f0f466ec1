"""Muon: orthogonalised steps, which weights take them, and a state that continues."""

import pytest
import torch
from torch import nn

from soulbench.training.adam import Adam
from soulbench.training.muon import ITERATIONS, A, B, C, Muon, orthogonalised


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def as_written(matrix):
    """The iteration as its authors write it, on a wide matrix."""
    x = matrix / (matrix.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = A * x + (B * gram + C * gram @ gram) @ x
    return x


@pytest.mark.parametrize("shape", [(6, 6), (5, 40), (40, 5), (96, 1224)])
def test_singular_vectors_stay_and_singular_values_come_near_one(shape):
    matrix = random(*shape)
    u, _, vt = torch.linalg.svd(matrix, full_matrices=False)
    found = u.T @ orthogonalised(matrix) @ vt.T
    values = found.diagonal()
    assert (found - values.diag()).abs().max() < 1e-9
    if shape != (6, 6):  # a square random matrix has singular values too small for five iterations
        assert values.min() > 0.65
    assert values.max() < 1.25


@pytest.mark.parametrize("shape", [(6, 6), (5, 40), (96, 1224)])
def test_the_iteration_in_small_matrices_is_the_iteration_as_written(shape):
    torch.testing.assert_close(orthogonalised(random(*shape)), as_written(random(*shape)), rtol=0, atol=1e-9)


def test_float32_is_close_to_float64():
    matrix = random(32, 288)
    error = (orthogonalised(matrix.float()).double() - orthogonalised(matrix)).abs().max()
    assert error < 1e-4


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 8)
        self.linear = nn.Linear(8, 16)
        self.convolution = nn.Conv2d(4, 8, 3)
        self.pixels = nn.Conv2d(8, 3, 1)
        self.frozen = nn.Linear(8, 8).requires_grad_(False)


def test_hidden_matrices_take_muon_and_the_rest_takes_adam():
    network = Network()
    optimiser = Muon(network, 10.0)
    assert {id(w) for w in optimiser.matrices} == {id(network.linear.weight), id(network.convolution.weight)}
    assert (
        len(optimiser.parameters)
        == len({id(p) for p in optimiser.parameters})
        == len([*network.parameters()])
    )


def test_the_first_step_is_the_orthogonalised_gradient_times_the_rate():
    network = Network()
    weight, bias = network.convolution.weight, network.convolution.bias
    before, bias_before = weight.detach().clone(), bias.detach().clone()
    weight.grad, bias.grad = torch.randn_like(weight), torch.ones_like(bias)
    other = nn.Parameter(bias_before.clone())
    other.grad = bias.grad.clone()
    Muon(network, 10.0).step(0.01)
    expected = orthogonalised(weight.grad.permute(0, 2, 3, 1).flatten(1)).view(8, 3, 3, 4).permute(0, 3, 1, 2)
    torch.testing.assert_close(weight.detach() - before, -0.1 * expected)
    Adam([other]).step(0.01)
    assert torch.equal(bias, other)
    assert network.linear.weight.grad is None


def test_a_state_continues_to_the_same_bits():
    def steps(optimiser, network, count, first=0):
        for step in range(first, first + count):
            for i, parameter in enumerate(network.parameters()):
                if parameter.requires_grad:
                    seed = torch.Generator().manual_seed(100 * step + i)
                    parameter.grad = torch.randn(parameter.shape, generator=seed)
            optimiser.step(0.01)

    torch.manual_seed(1)
    whole, parts = Network(), Network()
    parts.load_state_dict(whole.state_dict())
    optimiser = Muon(whole, 3.0)
    steps(optimiser, whole, 4)
    earlier = Muon(parts, 3.0)
    steps(earlier, parts, 2)
    later = Muon(parts, 3.0)
    later.load_state_dict(earlier.state_dict())
    steps(later, parts, 2, first=2)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(a, b)
