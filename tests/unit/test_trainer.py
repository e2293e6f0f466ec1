"""The training loop: resuming gives the same bits, NaN stops it, and nothing learns at a learning rate of 0."""

import math
import time
from dataclasses import replace

import pytest
import torch
from scenes_factory import no_log
from torch.utils._python_dispatch import TorchDispatchMode
from trainer_factory import CPU, LOSSES, MASKING, STAGE, assert_equal, killed_at, state, train

from soulbench.core.checkpoint import load
from soulbench.core.device import ExecutionContext
from soulbench.core.errors import UserError
from soulbench.training import monitor as monitor
from soulbench.training import trainer as loop
from soulbench.training.losses import Objective
from soulbench.training.schedule import rows_of_step
from soulbench.training.stages import monitor_for
from soulbench.training.trainer import fit

pytestmark = pytest.mark.usefixtures("looks_often")


def test_it_changes_weights_and_the_same_seed_gives_the_same_bits(data, tmp_path):
    before = state(data.networks(1))
    first, facts = train(data, tmp_path / "a")
    torch.manual_seed(99)
    second, _ = train(data, tmp_path / "b")
    assert_equal(state(first), state(second))
    for part in ("generator.decoder.out.0.weight", "discriminators.object.real.weight"):
        assert not torch.equal(state(first)[part], before[part])
    other, _ = train(data, tmp_path / "c", replace(STAGE, seed=2))
    assert not torch.equal(state(other)[part], state(first)[part])
    assert facts["steps"] == 9
    assert facts["images"] == 18
    assert {"l1", "boxes", "guidance", "discriminators", "image_gan"} <= {*facts["losses"]}
    assert all(map(math.isfinite, facts["losses"].values()))


@pytest.mark.parametrize("step", [1, 2, 5, 8])
def test_an_interrupted_training_goes_on_to_the_same_bits(data, tmp_path, monkeypatch, step):
    whole, facts = train(data, tmp_path / "whole")
    revive = killed_at(step, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "part")
    assert (tmp_path / "part" / "fine-tuning.safetensors").exists() == (step >= 2)
    revive()
    torch.manual_seed(7)
    made, lines, original = [], [], loop._Run.step
    monkeypatch.setattr(
        loop._Run, "step", lambda run, number, batch: made.append(number) or original(run, number, batch)
    )
    resumed, again = train(data, tmp_path / "part", log=lines.append)
    assert made == list(range(step // 2 * 2, 9))
    assert step < 2 or any(f"goes on at {step // 2 * 2} of 9" in line for line in lines)
    assert_equal(state(whole), state(resumed))
    assert again["losses"] == facts["losses"]
    assert again["seconds"] > 0


@pytest.mark.parametrize(
    "other", [{"learning_rate": 1e-3}, {"seed": 2}, {"steps": 10}, {"masking": {**MASKING, "box": 0.1}}]
)
def test_the_state_of_another_training_is_not_taken_up(data, tmp_path, monkeypatch, other):
    killed_at(4, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path)
    made = []
    original = loop._Run.step
    monkeypatch.setattr(
        loop._Run, "step", lambda run, number, batch: made.append(number) or original(run, number, batch)
    )
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path, replace(STAGE, **other))
    assert made[0] == 0


def test_a_state_is_saved_no_more_often_than_asked(data, tmp_path):
    train(data, tmp_path, replace(STAGE, checkpoint_seconds=3600.0))
    assert not list(tmp_path.iterdir())


def test_a_training_without_images_says_so(data, tmp_path):
    networks = data.networks(1)
    objective = Objective(LOSSES, networks.discriminators, None)
    with pytest.raises(UserError, match="fine-tuning: no image is left to train on"):
        fit(networks, objective, data.batches(), [], STAGE, CPU, tmp_path, no_log)


class Poisoned:
    """Batches of which one step's targets hold a NaN, and one may be healed."""

    def __init__(self, batches, image):
        self.batches, self.image, self.objects = batches, image, batches.objects

    def batch(self, rows):
        batch = self.batches.batch(rows)
        targets = batch.targets.clone()
        for place, image in enumerate(batch.image_ids):
            if image == self.image:
                targets[place, 0, 3, 3] = math.nan
        return replace(batch, targets=targets)


def test_a_nan_stops_names_and_keeps_the_last_good_state(data, tmp_path):
    order = [rows_of_step(data.subset, STAGE, step) for step in range(9)]
    late = order[2]  # the last to be seen first: neither in step 0 nor in step 1
    image = next(
        i
        for i in (int(data.scenes.image_ids[row]) for row in late)
        if all(i not in data.scenes.image_ids[rows] for rows in order[:2])
    )
    others = ", ".join(str(int(data.scenes.image_ids[row])) for row in late)
    with pytest.raises(
        UserError,
        match=rf"training stopped at step 3: the loss part `l1` is nan, on the images {others}; "
        r"the state before is kept in .*fine-tuning\.safetensors",
    ):
        train(data, tmp_path, batches=Poisoned(data.batches(), image))
    tensors, _ = load(tmp_path / "fine-tuning.safetensors")
    assert all(value.isfinite().all() for value in tensors.values())
    healed, _ = train(data, tmp_path)
    assert_equal(state(healed), state(train(data, tmp_path / "whole")[0]))


def test_a_nan_before_anything_is_saved_promises_nothing(data, tmp_path):
    first = int(data.scenes.image_ids[rows_of_step(data.subset, STAGE, 0)[0]])
    with pytest.raises(
        UserError, match=r"training stopped at step 1: .* A lower learning rate may help"
    ) as error:
        train(data, tmp_path, batches=Poisoned(data.batches(), first))
    assert "kept" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_learning_rate_of_0_with_frozen_statistics_is_the_identity(data, tmp_path):
    frozen = replace(STAGE, learning_rate=0.0, frozen_statistics=True)
    before = data.networks(1).generator.state_dict()
    networks, _ = train(data, tmp_path, frozen)
    assert_equal(before, networks.generator.state_dict())
    moving, _ = train(data, tmp_path, replace(frozen, frozen_statistics=False))
    moved = moving.generator.state_dict()
    changed = {name for name in before if not torch.equal(before[name], moved[name])}
    assert any("running_mean" in name for name in changed)
    assert not changed & {name for name, _ in moving.generator.named_parameters()}


def test_pieces_of_a_batch_add_up_to_it(data, tmp_path):
    """With frozen statistics, pieces see what the whole sees."""
    whole = replace(STAGE, batch=4, steps=4, learning_rate=1e-3, frozen_statistics=True)
    first, facts = train(data, tmp_path / "a", whole)
    second, other = train(data, tmp_path / "b", replace(whole, accumulate=2))
    assert facts["losses"] == pytest.approx(other["losses"], rel=1e-3, abs=5e-4)
    start, one, two = (
        torch.cat([value.flatten() for value in model.modules().parameters()]).detach()
        for model in (data.networks(1), first, second)
    )
    # Not of each: where a gradient is nothing but rounding, Adam makes it a step.
    assert (one - start).abs().mean() > 1e-3
    assert (two - one).abs().mean() < 0.02 * (one - start).abs().mean()


def test_too_many_pieces_are_refused(data, tmp_path):
    with pytest.raises(UserError, match=r"cannot be shared out to 9 pieces; allowed: .*training\.accumulate"):
        train(data, tmp_path, replace(STAGE, accumulate=9))


def test_the_moving_average_takes_the_weights_place(data, tmp_path, monkeypatch):
    name, path = "decoder.out.0.weight", []
    original = loop._Run.step

    def followed(run, number, pieces):
        if not path:
            path.append(run.networks.generator.state_dict()[name].clone())
        found = original(run, number, pieces)
        path.append(run.networks.generator.state_dict()[name].clone())
        return found

    monkeypatch.setattr(loop._Run, "step", followed)
    networks, _ = train(data, tmp_path, replace(STAGE, steps=3, ema_decay=0.9))
    expected = path[0]
    for value in path[1:]:
        expected = 0.9 * expected + 0.1 * value
    torch.testing.assert_close(networks.generator.state_dict()[name], expected)
    assert not torch.equal(expected, path[-1])


def test_weights_that_are_not_finite_are_not_saved(data, tmp_path, monkeypatch):
    original = loop._Run.step

    def poisoned(run, number, pieces):
        found = original(run, number, pieces)
        if number == 3:  # a gradient that overflows leaves the loss of its step finite
            with torch.no_grad():
                run.networks.generator.decoder.out[0].weight[0, 0, 0, 0] = math.inf
        return found

    monkeypatch.setattr(loop._Run, "step", poisoned)
    message = r"stopped at step 4: generator\.decoder\.out\.0\.weight is not finite any more; the state before is kept"
    with pytest.raises(UserError, match=message):
        train(data, tmp_path)
    tensors, _ = load(tmp_path / "fine-tuning.safetensors")
    assert all(value.isfinite().all() for value in tensors.values())


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")]
)
def test_out_of_memory_says_what_to_change(data, tmp_path, monkeypatch, error):
    def full(run, number, pieces):
        raise error

    monkeypatch.setattr(loop._Run, "step", full)
    with pytest.raises(
        UserError, match=r"out of memory .*fine-tuning makes 2 images at a time.*training\.accumulate"
    ):
        train(data, tmp_path)


def test_in_half_the_bits_it_learns_about_the_same(data, tmp_path):
    stage = replace(STAGE, learning_rate=1e-3)
    workplaces = [ExecutionContext(torch.device("cpu"), precision) for precision in ("float32", "bfloat16")]
    losses = []
    for context in workplaces:
        networks = data.networks(1)
        objective, batches = Objective(LOSSES, networks.discriminators, None), data.batches()
        folder = tmp_path / context.precision
        losses.append(
            fit(networks, objective, batches, data.subset, stage, context, folder, no_log)["losses"]
        )
        assert all(value.dtype == torch.float32 for value in networks.generator.parameters())
    assert losses[0] != losses[1]
    assert losses[0]["l1"] == pytest.approx(losses[1]["l1"], rel=0.05)


#: What waits for the device, or has a shape that only the device knows.
WAITING = {"_local_scalar_dense", "nonzero", "bincount", "masked_select", "unique", "_unique2", "is_nonzero"}


def test_a_step_never_waits_for_the_device(data, tmp_path, monkeypatch):
    """Seen on the CPU: between the batch's way to the device and the update, no operation needs a value."""
    called = []

    class Watcher(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            called.append(function.overloadpacket.__name__)
            return function(*args, **(kwargs or {}))

    original = Objective.forward

    def watched(self, drawing, batch, condition):
        with Watcher():
            losses = original(self, drawing, batch, condition)
            model, judges = watched.networks.generator, watched.networks.discriminators
            drawn = model(batch, condition)
            original(self, drawn, batch, condition).backward([*model.parameters()], [*judges.parameters()])
        return losses

    watched.networks = data.networks(1)
    monkeypatch.setattr(Objective, "forward", watched)
    train(data, tmp_path, replace(STAGE, steps=1), networks=watched.networks)
    assert "convolution_backward" in called
    assert not WAITING & {*called}


def test_watching_is_no_part_of_the_cost(data, tmp_path, monkeypatch):
    networks = data.networks(1)
    objective, batches = Objective(LOSSES, networks.discriminators, None), data.batches()
    seen = monitor_for(data, data.subset, tmp_path / "m.safetensors")
    seen.board = None
    original = monitor.draw
    monkeypatch.setattr(monitor, "draw", lambda *arguments: time.sleep(0.5) or original(*arguments))
    stage = replace(STAGE, steps=4)
    facts = fit(networks, objective, batches, data.subset, stage, CPU, tmp_path, no_log, seen)
    assert [frame["step"] for frame in seen.frames] == [0, 1, 2, 4]
    assert seen.seconds > 4.0
    assert facts["seconds"] < 2.0
