"""Sequences of requests: steps are the ordinary unlearning, and what a later request undoes is found."""

import pytest
import torch
from attacks_factory import attacked, values

from soulbench.attacks.sequence import Parameters, attack, orders, steps
from soulbench.config import files
from soulbench.core.checkpoint import load
from soulbench.core.running_state import WorkFolder
from soulbench.core.terms import ALL_REQUESTS, TASKS
from soulbench.unlearning.edits import after_requests, apply_plan, subset_of
from soulbench.unlearning.in_place import Unlearning
from soulbench.unlearning.plan import Edit, Plan

METHODS = ("sample-ft", "obj-if", "lora", "ssd", "salun")
#: Makes everything white for the first request, and undoes that for any other.
UNDONE = '''
from dataclasses import dataclass

from soulbench.unlearning.task import OneShotMethod

LEVEL, FAMILY, PER_REQUEST = "object", "one-shot", True


@dataclass(frozen=True)
class Parameters:
    """No parameters."""


class Method(OneShotMethod):
    def weights(self, strength):
        name, bias = [*self.model.named_parameters()][-1]
        return {name: bias + 4 * (strength if self.task.request.id == "r1" else -strength)}
'''


def made(benchmark, tmp_path, method, overlay=None):
    """Return the models of a method under attack, for both requests, and their checkpoints."""
    settings = files.merge(benchmark.config, {"methods": {method: {}}})
    settings = files.merge(settings, overlay or {})
    paths = {request: tmp_path / f"{request}.safetensors" for request in ("r1", "r2")}
    for request, path in paths.items():
        benchmark.unlearn(method, path, request, overlay)
    return attacked(benchmark, paths, method, config=settings), paths


@pytest.mark.parametrize("method", METHODS)
def test_a_step_is_the_ordinary_unlearning_to_the_bit(benchmark, tmp_path, method):
    models, paths = made(benchmark, tmp_path, method)
    first = models[0]
    first.load()
    networks = first.data.networks(1)
    networks.load(benchmark.original)
    where = 1, first.moments, WorkFolder(tmp_path, {}), print
    Unlearning.of(first.data, method, "r1").carry_out(networks, *where)
    state = networks.modules().state_dict()
    assert all(torch.equal(state[name], value) for name, value in load(paths["r1"])[0].items())


@pytest.mark.parametrize("method", METHODS)
def test_the_second_step_starts_from_the_first(benchmark, tmp_path, method):
    models, paths = made(benchmark, tmp_path, method)
    assert len([*steps(models, ("r1", "r2"))]) == 2
    state = {name: value.clone() for name, value in models[0].networks.modules().state_dict().items()}
    # The same by hand: the first step's model in place of the original one, whose moments there are.
    networks = models[0].data.networks(1)
    networks.load(paths["r1"])
    where = 1, models[0].moments, WorkFolder(tmp_path, {}), print
    r1, r2 = (model.request for model in models)
    Unlearning.of(after_requests(models[0].data, [r1], r2), method, "r2").carry_out(networks, *where)
    by_hand = networks.modules().state_dict()
    assert all(torch.equal(state[name], value) for name, value in by_hand.items())
    assert any(not torch.equal(state[name], value) for name, value in load(paths["r2"])[0].items())


def test_what_was_unlearned_is_not_learned_again(benchmark):
    (model,) = attacked(benchmark, {"r1": benchmark.original})
    data, requests, row = model.data, model.data.requests, model.data.scenes.find(1)
    # The set asks for the man of the first image himself.
    after, again = (after_requests(data, [requests["r1"]], requests[name]) for name in ("r2", "set"))
    assert again.edited == {}
    assert [*after.edited] == [row]
    x0, y0, x1, y1 = model.context.regions["A1"][0].region
    edit = {1: Edit(regions=((0, 0, 16, 16),), fill="noise", noise=1.0, mask_on="both", guidance=1.0)}
    for batch in (
        after.batches().batch([row]),
        after.batches(apply_plan(after, Plan(edits=edit))).batch([row]),
    ):
        assert 11 not in batch.object_ids
        assert len(batch.object_ids) == len(batch.visual) == 4
        for pixels in (batch.images, batch.targets, batch.weights):
            assert not pixels[:, :, y0:y1, x0:x1].any()
            assert pixels.any()
    assert 11 not in subset_of(after).scenes[1].object_ids
    assert 11 in subset_of(data).scenes[1].object_ids


def test_what_a_later_request_undoes_is_found(benchmark, tmp_path):
    (tmp_path / "undone.py").write_text(UNDONE)
    overlay = {"plugins": [str(tmp_path / "undone.py")]}
    models, _ = made(benchmark, tmp_path, "undone", overlay)
    found = list(attack(models, Parameters(orders=2)))
    for task in TASKS:
        errors = values(found, "r1", "error-1", task)
        assert errors[1] > errors[0] + 5
        assert errors[2] == pytest.approx(errors[0], abs=1e-3)
        again = values(found, "r1", "re-emergence", task)
        assert again == {2: pytest.approx(errors[1] - errors[0], abs=1e-3)}
        rest = values(found, "r1", "rest", task)
        assert rest[2] == pytest.approx(rest[0], abs=1e-3)
        assert rest == values(found, "r2", "rest", task)
        # After the first step, the mean of both orders.
        both = [values(found, "r1", f"error-{position}", task)[1] for position in (1, 2)]
        assert values(found, "r1", "error", task)[1] == pytest.approx(sum(both) / 2)


def test_nothing_changes_where_nothing_is_unlearned(benchmark):
    (model,) = attacked(benchmark, {"r1": benchmark.original}, "bank", requests=("r1", "r2", "set"))
    found = list(attack([model], Parameters()))
    for metric in ("error", "rest"):
        of_metric = values(found, "r1", metric)
        assert list(of_metric) == [0, 1, 2, 3]
        assert len({*of_metric.values()}) == 1
    assert values(found, "r1", "re-emergence") == {3: 0.0}


def test_a_method_that_serves_all_requests_makes_one_step(benchmark, tmp_path):
    path = tmp_path / "model.safetensors"
    benchmark.unlearn("noop-ft", path, ALL_REQUESTS)
    found = list(attack(attacked(benchmark, dict.fromkeys(("r1", "r2"), path), "noop-ft"), Parameters()))
    assert list(values(found, "r2", "error")) == [0, 2]
    (row,) = (one for one in found if (one.request, one.metric, one.task) == ("r1", "re-emergence", TASKS[0]))
    assert (row.value, row.budget) == (None, 2)
    assert row.status == "one model serves all requests: there is no later step"


def test_a_sequence_of_one_request(benchmark, tmp_path):
    path = tmp_path / "r1.safetensors"
    benchmark.unlearn("obj-mk-pa", path, "r1")
    (model,) = attacked(benchmark, {"r1": path}, "obj-mk-pa")
    found = list(attack([model], Parameters()))
    model.load()
    error = model.error(model.generate([model.scene], [model.visual], TASKS[0]))[0]
    assert values(found, "r1", "error")[1] == values(found, "r1", "error-1")[1] == error
    assert values(found, "r1", "re-emergence") == {1: None}


def test_equal_sequences_have_equal_outcomes(benchmark, tmp_path):
    models, _ = made(benchmark, tmp_path, "obj-mk-pa")
    assert list(attack(models, Parameters(orders=2))) == list(attack(models, Parameters(orders=2)))


def test_orders_differ_and_begin_with_the_configured_one():
    requests = ("r1", "r2", "r3")
    assert orders(requests, 2, 0) == orders(requests, 3, 0)[:2]
    assert {*orders(requests, 10, 0)} == {*orders(requests, 6, 1)}
    assert orders(requests, 6, 0)[0] == requests
    assert len(orders(requests, 10, 0)) == 6
    assert len({*orders(tuple(map(str, range(6))), 3, 0)}) == 3
