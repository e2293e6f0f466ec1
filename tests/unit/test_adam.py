"""Adam against its formulas (Kingma and Ba, algorithm 1)."""

import torch
from torch import nn

from soulbench.training.adam import Adam

START = [1.0, -2.0, 0.5]


def gradients(steps):
    return torch.randn(steps, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def run(optimiser, parameter, all_gradients, rates):
    for gradient, rate in zip(all_gradients, rates, strict=True):
        optimiser.zero_grad()
        parameter.grad = gradient.clone()
        optimiser.step(rate)


def test_updates_follow_the_formulas():
    parameter, rates = nn.Parameter(torch.tensor(START, dtype=torch.float64)), [0.1, 0.05, 0.1, 0.0, 0.2]
    run(Adam([parameter]), parameter, gradients(5), rates)
    expected, mean, square = torch.tensor(START, dtype=torch.float64), 0.0, 0.0
    for t, (gradient, rate) in enumerate(zip(gradients(5), rates, strict=True), 1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        expected = expected - rate * (mean / (1 - 0.9**t)) / ((square / (1 - 0.999**t)).sqrt() + 1e-8)
    torch.testing.assert_close(parameter.data, expected, rtol=1e-12, atol=1e-12)


def test_a_parameter_without_gradient_keeps_its_value_and_step_count():
    used, unused = nn.Parameter(torch.tensor(START)), nn.Parameter(torch.tensor(START))
    optimiser = Adam([unused, used])
    run(optimiser, used, gradients(2).float(), [0.1, 0.1])
    assert unused.tolist() == START
    assert used.tolist() != START
    assert [int(steps) for steps in optimiser.state["state_steps"]] == [0, 2]


def test_a_loaded_state_continues_where_it_was_saved():
    whole = nn.Parameter(torch.tensor(START, dtype=torch.float64))
    run(Adam([whole]), whole, gradients(6), [0.1] * 6)
    first = nn.Parameter(torch.tensor(START, dtype=torch.float64))
    before = Adam([first])
    run(before, first, gradients(6)[:3], [0.1] * 3)
    second = nn.Parameter(first.detach().clone())
    after = Adam([second])
    after.load_state_dict(before.state_dict())
    run(after, second, gradients(6)[3:], [0.1] * 3)
    assert torch.equal(second, whole)


def test_channels_last_kernels_are_updated_as_others_even_from_a_loaded_state():
    shape, random = (4, 3, 3, 3), torch.Generator().manual_seed(0)
    start, *gradients_of_steps = (torch.randn(shape, generator=random) for _ in range(5))
    plain = nn.Parameter(start.clone())
    channels_last = nn.Parameter(start.clone(memory_format=torch.channels_last))
    for parameter in (plain, channels_last):
        optimiser = Adam([parameter])
        for gradient in gradients_of_steps:
            again = Adam([parameter])
            saved = optimiser.state_dict()  # from a file it comes back contiguous
            again.load_state_dict({name: [v.contiguous() for v in values] for name, values in saved.items()})
            optimiser = again
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
            optimiser.step(0.1)
    assert torch.equal(plain, channels_last)
    assert not torch.equal(plain, start)
