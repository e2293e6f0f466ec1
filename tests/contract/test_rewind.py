"""A replay of the original's training is exact: to the bit the training in which the object never was."""

from dataclasses import replace
from pathlib import Path

import pytest
from scenes_factory import no_log
from trainer_factory import interrupt_at

from soulbench.config.files import merge
from soulbench.core import registry
from soulbench.core.checkpoint import load, save
from soulbench.core.errors import UserError
from soulbench.core.model_record import read_model_record
from soulbench.core.paths import at_step
from soulbench.core.running_state import WorkFolder
from soulbench.training.dataset import UNCHANGED, BenchmarkData
from soulbench.training.schedule import rows_of_step
from soulbench.training.stages import seen_in, train_stage
from soulbench.unlearning.contract import same
from soulbench.unlearning.plan import Plan


@pytest.fixture
def replayed(benchmark, tmp_path):
    """Run `rewind` and `retrain` with other settings of the training; return both models and the rewound one's path."""

    def run(training, request="r1", **overlay):
        bench = type(benchmark)(
            tmp_path / "bench", merge(benchmark.config, {"training": training, **overlay})
        )
        bench.write().train()
        rewound, exact = (
            bench.unlearn(name, tmp_path / f"{name}.safetensors", request) for name in ("rewind", "retrain")
        )
        return bench, rewound, exact, read_model_record(tmp_path / "rewind.json")

    return run


def first_seen(bench, which, request="r1"):
    """The first step, counted from 0, in which a stage shows a target image of the request."""
    data = BenchmarkData.open(bench.config, bench.data)
    rows, stage = seen_in(data, which, UNCHANGED, 1)
    shown = {data.scenes.find(image_id) for image_id in data.requests[request].images}
    steps = [step for step in range(stage.steps) if shown & {*rows_of_step(rows, stage, step)}]
    return steps[0] if steps else None


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_rewind_gives_to_the_bit_the_training_in_which_the_object_never_was(replayed, optimiser):
    settings = {"optimiser": optimiser, "pretrain": {"steps": 9, "batch": 1}, "ema_decay": 0.9}
    bench, rewound, exact, record = replayed(settings)
    assert same(rewound, exact)
    assert not same(rewound, load(bench.original)[0])
    seen = first_seen(bench, "pretrain")
    assert seen >= 1  # otherwise there is nothing to save
    start = max(step for step in (1, 2, 4, 8) if step <= seen)
    assert record.timing.steps == 9 - start + 4
    assert record.images == (9 - start) * 1 + 4 * 3


def test_a_replay_begins_at_fine_tuning_where_pre_training_never_showed_the_target(replayed):
    settings = {"pretrain": {"steps": 1, "batch": 1}, "finetune": {"steps": 12, "batch": 1}}
    bench, rewound, exact, record = replayed(settings)
    assert first_seen(bench, "pretrain") is None
    seen = first_seen(bench, "finetune")
    assert seen >= 1
    start = max(step for step in (1, 2, 4, 8) if step <= seen)
    assert record.timing.steps == 12 - start
    assert same(rewound, exact)


def test_a_replay_goes_on_from_the_kept_state_and_from_nothing_else(replayed, benchmark, tmp_path):
    """A weight of the kept state is changed: so is the model, so that the state is what the replay starts from."""
    settings = {"pretrain": {"steps": 9, "batch": 1}}
    bench, rewound, _, _ = replayed(settings)
    start = max(step for step in (1, 2, 4, 8) if step <= first_seen(bench, "pretrain"))
    path = Path(at_step(str(bench.pretrained), start))
    tensors, meta = load(path)
    name = next(name for name, value in tensors.items() if value.is_floating_point() and value.dim() > 1)
    save(path, {**tensors, name: tensors[name] + 0.1}, meta)
    assert not same(bench.unlearn("rewind", tmp_path / "other.safetensors"), rewound)
    path.unlink()
    with pytest.raises(UserError, match="no state of this training; make it anew by the rules pretrain"):
        bench.unlearn("rewind", tmp_path / "none.safetensors")


def test_a_state_of_another_training_is_refused(replayed, tmp_path):
    bench, *_ = replayed({"pretrain": {"steps": 9, "batch": 1}})
    with pytest.raises(UserError, match="no state of this training"):
        bench.unlearn("rewind", tmp_path / "o.safetensors", overlay={"training": {"learning_rate": 0.5}})
    assert list(bench.folder.glob("*.put-aside*")) == []


def test_a_replay_leaves_out_no_whole_image(benchmark, monkeypatch, tmp_path):
    module = registry.module("methods", "rewind")
    monkeypatch.setattr(module, "plan", lambda request, subset, _: Plan(exclude=frozenset(request.images)))
    with pytest.raises(UserError, match="its plan excludes none; edit them instead"):
        benchmark.unlearn("rewind", tmp_path / "model.safetensors")


@pytest.mark.parametrize("stop", [None, {"every": 2, "patience": 1}])
def test_kept_states_of_a_killed_training_are_those_of_a_whole_one(benchmark, monkeypatch, tmp_path, stop):
    """Where early stop ends the training, later states are the last one."""
    training = {"checkpoint_seconds": 0, "early_stop": stop, "pretrain": {"steps": 23}}
    data = BenchmarkData.open(merge(benchmark.config, {"training": training}), benchmark.data)
    if stop:
        data = replace(data, validation=data.heldout)

    def trained(folder):
        networks, kept = data.networks(1), {step: str(folder / f"state-{step}") for step in (1, 2, 4, 8, 16)}
        work = WorkFolder(folder, {})
        train_stage(data, networks, "pretrain", UNCHANGED, 1, work, no_log, kept=kept)
        return {step: load(path) for step, path in kept.items()}

    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
    whole = trained(folders[0])
    repair = interrupt_at(3 if stop else 21, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        trained(folders[1])
    repair()
    again = trained(folders[1])
    for step, (tensors, meta) in whole.items():
        assert same(tensors, again[step][0])
        assert meta == again[step][1]
