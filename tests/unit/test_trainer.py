"""The training loop: a resumed run ends with the same bits, and errors are found and named."""

import math
import time
from dataclasses import replace

import pytest
import torch
from scenes_factory import no_log
from torch.utils._python_dispatch import TorchDispatchMode
from trainer_factory import MASKING, STAGE, assert_equal, interrupt_at, state, train, trainer_of

from soulbench.core.checkpoint import load
from soulbench.core.device import ExecutionContext
from soulbench.core.errors import UserError
from soulbench.core.running_state import WorkFolder
from soulbench.training import monitor as monitor_module
from soulbench.training.losses import Objective
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.networks import Networks
from soulbench.training.schedule import rows_of_step
from soulbench.training.stages import monitor_for
from soulbench.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("frequent_checks")


def test_training_changes_weights_and_the_same_seed_gives_the_same_bits(data, tmp_path):
    before = state(data.networks(1))
    first, result = train(data, tmp_path / "a")
    torch.manual_seed(99)
    second, _ = train(data, tmp_path / "b")
    assert_equal(state(first), state(second))
    for part in ("generator.decoder.out.0.weight", "discriminators.object.real.weight"):
        assert not torch.equal(state(first)[part], before[part])
    other, _ = train(data, tmp_path / "c", replace(STAGE, seed=2))
    assert not torch.equal(state(other)[part], state(first)[part])
    assert result.timing.steps == 9
    assert result.images == 18
    assert {"l1", "boxes", "guidance", "discriminators", "image_gan"} <= {*result.losses}
    assert all(map(math.isfinite, result.losses.values()))


def record_steps(monkeypatch):
    """Return a list that the number of every training step is added to."""
    steps, original = [], Trainer.train_step
    monkeypatch.setattr(
        Trainer,
        "train_step",
        lambda trainer, step, batches: steps.append(step) or original(trainer, step, batches),
    )
    return steps


@pytest.mark.parametrize(
    ("step", "eval_mode_after"), [(1, None), (2, None), (5, None), (8, None), (5, 4), (6, 4), (8, 4)]
)
def test_an_interrupted_run_ends_with_the_same_bits(data, tmp_path, monkeypatch, step, eval_mode_after):
    stage = replace(STAGE, eval_mode_after=eval_mode_after)
    whole, result = train(data, tmp_path / "whole", stage)
    undo = interrupt_at(step, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "part", stage)
    assert (tmp_path / "part" / "fine-tuning.safetensors").exists() == (step >= 2)
    undo()
    torch.manual_seed(7)
    steps, lines = record_steps(monkeypatch), []
    resumed, again = train(data, tmp_path / "part", stage, log=lines.append)
    assert steps == list(range(step // 2 * 2, 9))
    assert step < 2 or any(f"goes on at {step // 2 * 2} of 9" in line for line in lines)
    assert_equal(state(whole), state(resumed))
    assert again.losses == result.losses
    assert again.timing.seconds > 0


def saved_after(data, folder, step):
    networks = data.networks(3)
    networks.load(WorkFolder(folder, {}).networks(step))
    return state(networks)


def test_networks_saved_on_the_way_are_those_of_a_shorter_training(data, tmp_path):
    stage = replace(STAGE, schedule="constant")
    train(data, tmp_path / "whole", stage, save_after=(3, 6))
    for step in (3, 6):
        shorter, _ = train(data, tmp_path / f"shorter {step}", replace(stage, steps=step))
        assert_equal(saved_after(data, tmp_path / "whole", step), state(shorter))


def test_networks_saved_on_the_way_survive_an_interruption(data, tmp_path, monkeypatch):
    train(data, tmp_path / "whole", save_after=(3, 7))
    undo = interrupt_at(5, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "part", save_after=(3, 7))
    undo()
    train(data, tmp_path / "part", save_after=(3, 7))
    for step in (3, 7):
        assert_equal(saved_after(data, tmp_path / "part", step), saved_after(data, tmp_path / "whole", step))


def test_lost_networks_of_an_interrupted_run_are_named(data, tmp_path, monkeypatch):
    undo = interrupt_at(5, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path, save_after=(3,))
    undo()
    WorkFolder(tmp_path, {}).networks(3).unlink()
    with pytest.raises(UserError, match="remove the folder"):
        train(data, tmp_path, save_after=(3,))


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_a_trainer_continues_from_a_state_dict(data, tmp_path, optimiser):
    stage = replace(STAGE, optimiser=optimiser)
    whole, _ = train(data, tmp_path / "whole", stage)
    first, second = (trainer_of(data, data.networks(1), stage) for _ in range(2))
    for step in range(4):
        first.train_step(step, first.micro_batches(step))
    second.load_state_dict(first.state_dict() | {"step": 4})
    second.fit(WorkFolder(tmp_path / "rest", {}), no_log)
    assert_equal(state(whole), state(second.networks))


@pytest.mark.parametrize(
    "other",
    [
        {"learning_rate": 1e-3},
        {"seed": 2},
        {"steps": 10},
        {"masking": {**MASKING, "box": 0.1}},
        {"optimiser": "muon"},
        {"eval_mode_after": 6},
    ],
)
def test_a_state_of_other_settings_is_not_resumed(data, tmp_path, monkeypatch, other):
    interrupt_at(4, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path)
    steps = record_steps(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path, replace(STAGE, **other))
    assert steps[0] == 0


def test_a_state_is_saved_no_more_often_than_configured(data, tmp_path):
    train(data, tmp_path, replace(STAGE, checkpoint_seconds=3600.0))
    assert not list(tmp_path.iterdir())


def test_training_without_images_is_refused(data, tmp_path):
    with pytest.raises(UserError, match="fine-tuning: no image is left to train on"):
        train(data, tmp_path, rows=[])


class BatchesWithNaN:
    """Batches in which the target of one image holds a NaN."""

    def __init__(self, batches, image):
        self.batches, self.image, self.objects, self.digest = batches, image, batches.objects, batches.digest

    def batch(self, rows):
        batch = self.batches.batch(rows)
        targets = batch.targets.clone()
        for index, image in enumerate(batch.image_ids):
            if image == self.image:
                targets[index, 0, 3, 3] = math.nan
        return replace(batch, targets=targets)


def test_a_nan_stops_training_and_the_last_good_state_is_kept(data, tmp_path):
    order = [rows_of_step(data.subset, STAGE, step) for step in range(9)]
    # An image of the third step that neither of the first two steps contains.
    image = next(
        i
        for i in (int(data.scenes.image_ids[row]) for row in order[2])
        if all(i not in data.scenes.image_ids[rows] for rows in order[:2])
    )
    images = ", ".join(str(int(data.scenes.image_ids[row])) for row in order[2])
    with pytest.raises(
        UserError,
        match=rf"training stopped at step 3: the loss part `l1` is nan, on the images {images}; "
        r"the state before is kept in .*fine-tuning\.safetensors",
    ):
        train(data, tmp_path, batches=BatchesWithNaN(data.batches(), image))
    tensors, _ = load(tmp_path / "fine-tuning.safetensors")
    assert all(value.isfinite().all() for value in tensors.values())
    without_nan, _ = train(data, tmp_path)
    assert_equal(state(without_nan), state(train(data, tmp_path / "whole")[0]))


def test_a_nan_before_the_first_save_keeps_no_state(data, tmp_path):
    first = int(data.scenes.image_ids[rows_of_step(data.subset, STAGE, 0)[0]])
    with pytest.raises(
        UserError, match=r"training stopped at step 1: .* A lower learning rate may help"
    ) as error:
        train(data, tmp_path, batches=BatchesWithNaN(data.batches(), first))
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


def test_accumulated_gradients_equal_those_of_the_whole_batch(data, tmp_path):
    """With frozen statistics, a micro-batch is normalised as the whole batch is."""
    whole = replace(STAGE, batch=4, steps=4, learning_rate=1e-3, frozen_statistics=True)
    first, result = train(data, tmp_path / "a", whole)
    second, other = train(data, tmp_path / "b", replace(whole, accumulate=2))
    assert result.losses == pytest.approx(other.losses, rel=1e-3, abs=2e-3)
    start, one, two = (
        torch.cat([value.flatten() for value in model.modules().parameters()]).detach()
        for model in (data.networks(1), first, second)
    )
    # On average only: Adam makes a full step even of a gradient that is mere rounding.
    assert (one - start).abs().mean() > 1e-3
    assert (two - one).abs().mean() < 0.02 * (one - start).abs().mean()


def test_too_many_micro_batches_are_refused(data, tmp_path):
    with pytest.raises(
        UserError, match=r"cannot be split into 9 micro-batches; allowed: .*training\.accumulate"
    ):
        train(data, tmp_path, replace(STAGE, accumulate=9))


def test_the_moving_average_replaces_the_weights(data, tmp_path, monkeypatch):
    name, path = "decoder.out.0.weight", []
    original = Trainer.train_step

    def recording(trainer, step, micro_batches):
        if not path:
            path.append(trainer.networks.generator.state_dict()[name].clone())
        losses = original(trainer, step, micro_batches)
        path.append(trainer.networks.generator.state_dict()[name].clone())
        return losses

    monkeypatch.setattr(Trainer, "train_step", recording)
    networks, _ = train(data, tmp_path, replace(STAGE, steps=3, ema_decay=0.9))
    expected = path[0]
    for value in path[1:]:
        expected = 0.9 * expected + 0.1 * value
    torch.testing.assert_close(networks.generator.state_dict()[name], expected)
    assert not torch.equal(expected, path[-1])


def test_weights_that_are_not_finite_are_not_saved(data, tmp_path, monkeypatch):
    original = Trainer.train_step

    def overflowing(trainer, step, micro_batches):
        losses = original(trainer, step, micro_batches)
        if step == 3:  # a gradient that overflows leaves the loss of its step finite
            with torch.no_grad():
                trainer.networks.generator.decoder.out[0].weight[0, 0, 0, 0] = math.inf
        return losses

    monkeypatch.setattr(Trainer, "train_step", overflowing)
    message = r"stopped at step 4: generator\.decoder\.out\.0\.weight is not finite any more; the state before is kept"
    with pytest.raises(UserError, match=message):
        train(data, tmp_path)
    tensors, _ = load(tmp_path / "fine-tuning.safetensors")
    assert all(value.isfinite().all() for value in tensors.values())


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")]
)
def test_out_of_memory_says_what_to_change(data, tmp_path, monkeypatch, error):
    def failing(trainer, step, micro_batches):
        raise error

    monkeypatch.setattr(Trainer, "train_step", failing)
    with pytest.raises(
        UserError, match=r"out of memory .*fine-tuning processes 2 images at a time.*training\.accumulate"
    ):
        train(data, tmp_path)


def test_bfloat16_learns_about_the_same(data, tmp_path):
    stage = replace(STAGE, learning_rate=1e-3)
    losses = []
    for precision in ("float32", "bfloat16"):
        context = ExecutionContext(torch.device("cpu"), precision)
        networks, result = train(data, tmp_path / precision, stage, context=context)
        losses.append(result.losses)
        assert all(value.dtype == torch.float32 for value in networks.generator.parameters())
    assert losses[0] != losses[1]
    assert losses[0]["l1"] == pytest.approx(losses[1]["l1"], rel=0.05)


#: Operations that wait for the device, or return a shape that only the device can tell.
WAITING = {"_local_scalar_dense", "nonzero", "bincount", "masked_select", "unique", "_unique2", "is_nonzero"}


def test_a_step_never_waits_for_the_device(data, tmp_path, monkeypatch):
    """Tested on the CPU: no operation between the batch's move to the device and the update needs a value."""
    called = []

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            called.append(function.overloadpacket.__name__)
            return function(*args, **(kwargs or {}))

    original, networks = Objective.forward, data.networks(1)

    def recorded(self, output, batch, condition):
        with Recorder():
            losses = original(self, output, batch, condition)
            model, discriminators = networks.generator, networks.discriminators
            again = original(self, model(batch, condition), batch, condition)
            again.backward([*model.parameters()], [*discriminators.parameters()])
        return losses

    monkeypatch.setattr(Objective, "forward", recorded)
    train(data, tmp_path, replace(STAGE, steps=1), networks=networks)
    assert "convolution_backward" in called
    assert not WAITING & {*called}


def test_monitoring_is_not_part_of_the_cost(data, tmp_path, monkeypatch):
    monitor = monitor_for(data, data.subset, tmp_path / "m.safetensors")
    monitor.tensorboard_dir = None
    original = monitor_module.generate_images
    monkeypatch.setattr(
        monitor_module, "generate_images", lambda *arguments: time.sleep(0.5) or original(*arguments)
    )
    started = time.perf_counter()
    _, result = train(data, tmp_path, replace(STAGE, steps=25), monitor=monitor)
    elapsed = time.perf_counter() - started
    assert [snapshot["step"] for snapshot in monitor.snapshots] == [0, 6, 12, 25]
    assert monitor.seconds > 4.0
    assert result.timing.seconds <= elapsed - monitor.seconds


@pytest.mark.parametrize(
    ("steps", "expected"), [(350, [0, 22, 44, 88, 175, 350]), (20, [0, 5, 10, 20]), (4, [0, 4]), (0, [0])]
)
def test_snapshots_are_not_closer_than_a_few_steps(steps, expected):
    assert monitor_module.snapshot_steps(steps) == expected


def test_saving_networks_on_the_way_is_not_part_of_the_cost(data, tmp_path, monkeypatch):
    original = Networks.save
    monkeypatch.setattr(Networks, "save", lambda *arguments: time.sleep(0.5) or original(*arguments))
    monitor = TrainingMonitor.off()
    started = time.perf_counter()
    _, result = train(data, tmp_path, replace(STAGE, steps=4), monitor=monitor, save_after=(1, 2))
    elapsed = time.perf_counter() - started
    assert monitor.seconds >= 1.0
    assert result.timing.seconds <= elapsed - monitor.seconds
