"""The figures of training: curves and snapshots, from made-up files beside the checkpoints."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.figures import _gallery, snapshots, training
from tests.unit.records_factory import config
from tests.unit.test_figures import plot, prepare
from tests.unit.trainings_factory import EVERY, write_curves


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("results"), config(bootstrap=50))


@pytest.fixture
def saved(monkeypatch):
    """The Matplotlib figures, as they are when they are saved; each is saved as PNG and as SVG."""
    figures, savefig = [], Figure.savefig

    def record(self, *arguments, **options):
        figures.append(self)
        return savefig(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", record)
    return figures


def stems(paths, seed):
    """The stages of an original model, and the checkpoint of each without its suffix."""
    files = training.stage_files(paths, seed, "")
    return {stage: Path(path.removesuffix(".")) for stage, path in files.items()}


def test_training_has_a_line_per_seed_and_one_for_their_mean(results, tmp_path, saved):
    text = plot("training", results, tmp_path / "training")
    panels = saved[0].axes
    assert [panel.get_title(loc="left") for panel in panels[:2]] == ["Pre-training", "Fine-tuning"]
    assert [panel.get_ylabel() for panel in panels[::2]] == [
        "loss (logarithmic)",
        "learning\nrate",
        "images\nper second",
    ]
    # loss, l1 and boxes of two seeds; pre-training is too short for a validation
    assert [len(panel.lines) for panel in panels] == [9, 12, 3, 3, 3, 3]
    assert "l1" in text
    assert "guidance" not in text
    table, other = (
        pd.read_csv(stems(results, seed)["fine-tuning"].with_suffix(".curves.csv")) for seed in (1, 2)
    )
    both = table["l1"] / 2 + other["l1"] / 2
    means = [line for line in panels[1].lines if line.get_linewidth() > 1 and line.get_color() == "#0072B2"]
    np.testing.assert_allclose(means[0].get_xdata(), table["step"])
    np.testing.assert_allclose(means[0].get_ydata(), both)


def test_every_value_of_the_rates_is_inside_its_panel(results, tmp_path, saved):
    plot("training", results, tmp_path / "training")
    for panel in saved[0].axes[2:]:
        assert max(line.get_ydata().max() for line in panel.lines) <= panel.get_ylim()[1]


def lowest(panel):
    return min(np.min(line.get_ydata()) for line in panel.lines)


def test_parts_that_can_be_negative_have_their_own_panel(tmp_path, saved):
    settings = config()
    for name, scale in (("small", 1), ("large", 1000)):
        paths = ResultPaths(str(tmp_path / name))
        for seed in settings["seeds"]:
            for stage, stem in stems(paths, seed).items():
                write_curves(stem, stage, 300, {**EVERY, "image_gan": -0.4 * scale, "novel": 1.0}, seed)
        text = plot("training", paths, tmp_path / name)
        for name in ("object gan", "feature matching", "discriminators", "image gan", "novel"):
            assert name in text
    (positive, _, small), (_, _, large) = (figure.axes[:3] for figure in saved[::2])
    assert positive.get_yscale() == "log"
    assert lowest(positive) > 0
    assert lowest(small) < 0
    assert (small.get_yscale(), large.get_yscale()) == ("linear", "symlog")


def test_a_single_loss_near_zero_does_not_set_the_limits(tmp_path, saved):
    settings, paths = {**config(), "seeds": [1]}, ResultPaths(str(tmp_path))
    for stage, stem in stems(paths, 1).items():
        write_curves(stem, stage, 1000, EVERY | {"image_gan": 0.0}, 1)
        path = stem.with_suffix(".curves.csv")
        table = pd.read_csv(path)
        table.loc[len(table) - 1, "boxes"] = 1e-9
        table.to_csv(path, index=False)
    assert "1 training seed " in plot("training", paths, tmp_path / "training", settings)
    assert saved[0].axes[0].get_ylim()[0] > 1e-3


def test_long_curves_are_thinned_to_the_same_steps_for_all_seeds(tmp_path):
    frames = []
    for seed in (1, 2):
        write_curves(tmp_path / str(seed), "fine-tuning", 30_000, EVERY, seed)
        frames.append(training._thinned(pd.read_csv(tmp_path / f"{seed}.curves.csv").assign(seed=seed)))
    assert len(frames[0]) == training.POINTS
    assert frames[0]["step"].tolist() == frames[1]["step"].tolist()
    assert frames[0]["step"].iloc[-1] == 30_000
    whole = pd.read_csv(tmp_path / "1.curves.csv")
    assert frames[0]["l1"].iloc[0] == pytest.approx(whole.loc[whole["step"] <= 250, "l1"].mean())


def test_a_single_step_is_a_point(tmp_path, saved):
    settings, paths = {**config(), "seeds": [1]}, ResultPaths(str(tmp_path))
    for stage, stem in stems(paths, 1).items():
        write_curves(stem, stage, 6, {"l1": 0.5}, 1)
    plot("training", paths, tmp_path / "training", settings)
    assert {line.get_marker() for line in saved[0].axes[0].lines} == {"o"}


def copied(paths, folder):
    shutil.copytree(paths.root, folder)
    return ResultPaths(str(folder))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("training", "models/pretrained/seed2.curves.csv"),
        ("snapshots", "models/original/seed1.snapshots.npz"),
        ("snapshots", "unlearned/obj-mk-pa/r1/seed1/model.snapshots.npz"),
        ("snapshots", "unlearned/noop-ft/all-requests/seed1/model.snapshots.npz"),
    ],
)
def test_a_missing_or_broken_file_is_named(results, tmp_path, name, path):
    paths = copied(results, tmp_path / "copy")
    file = Path(paths.root, path)
    file.write_bytes(b"\0")
    with pytest.raises(UserError, match=path):
        plot(name, paths, tmp_path / name)
    file.unlink()
    with pytest.raises(UserError, match=f"{path}: there is no such"):
        plot(name, paths, tmp_path / name)


def test_a_file_without_snapshots_is_named(results, tmp_path):
    paths = copied(results, tmp_path / "copy")
    path = stems(paths, 1)["fine-tuning"].with_suffix(".snapshots.npz")
    np.savez(path, steps=np.arange(3))
    with pytest.raises(UserError, match=r"original/seed1\.snapshots\.npz: no snapshots"):
        plot("snapshots", paths, tmp_path / "snapshots")


def plotted_panels(monkeypatch):
    """The panels of the snapshots' figure that are plotted."""
    panels, plot_mosaic = [], _gallery.plot_mosaic

    def record(fig, *arguments):
        panels.append(snapshots.Panel("", *arguments))
        return plot_mosaic(fig, *arguments)

    monkeypatch.setattr(_gallery, "plot_mosaic", record)
    return panels


def test_snapshots_show_training_and_then_unlearning(results, tmp_path, monkeypatch):
    panels = plotted_panels(monkeypatch)
    text = plot("snapshots", results, tmp_path / "snapshots")
    assert "The original model learns (training seed 1)" in text
    assert "The methods unlearn r1: man (image 100)" in text
    learning, unlearning = panels
    assert [column.label for column in learning.columns] == [
        *(f"step {step}" for step in (0, 2, 5, 20, 22, 44, 88, 175, 350)),
        "truth",
    ]
    assert learning.rows[:3] == [
        "image 100,\nreconstruction",
        "image 100,\nsynthesis",
        "image 101,\nreconstruction",
    ]
    assert unlearning.rows == [
        *("noop-ft", "sample-ft", "sample-ng", "feat-ng", "feat-mk", "obj-ng", "obj-mk-pa", "obj-mk-ns")
    ]
    assert [column.label for column in unlearning.columns[-6:]] == [
        *(f"step {step}" for step in (0, 3, 6, 25, 50)),
        "truth",
    ]
    assert all(column.boxes for column in unlearning.columns)


def test_every_snapshot_is_at_its_position(results, tmp_path, monkeypatch):
    panels = plotted_panels(monkeypatch)
    plot("snapshots", results, tmp_path / "snapshots")
    with np.load(stems(results, 1)["pre-training"].with_suffix(".snapshots.npz")) as stored:
        index = stored["steps"].tolist().index(5)
        np.testing.assert_array_equal(panels[0].grid[3][2], stored["synthesis"][index][1])
        np.testing.assert_array_equal(panels[0].grid[3][-1], stored["truth"][1])
    model = Path(results.unlearned("obj-ng", "r1", 1))
    with np.load(model.with_suffix(".snapshots.npz")) as stored:
        row = panels[1].grid[panels[1].rows.index("obj-ng")]
        np.testing.assert_array_equal(row[4], stored["reconstruction"][-1][0])
        np.testing.assert_array_equal(row[9], stored["synthesis"][-1][0])


def test_methods_without_snapshots_of_the_request_are_left_out(results, tmp_path, monkeypatch):
    paths, settings = copied(results, tmp_path / "copy"), config(bootstrap=50)
    panels = plotted_panels(monkeypatch)
    memorised = read_csv(Path(paths.table("memorised")))
    memorised["clearly"] = memorised["request"] == "r3"
    memorised.to_csv(paths.table("memorised"), index=False)
    settings["methods"] |= {"obj-ng": {"requests": 2}, "feat-ng": None}
    # noop-ft serves every request, and its snapshots show the target image of the first one
    plot("snapshots", paths, tmp_path / "snapshots", settings)
    assert panels[1].rows == ["sample-ft", "sample-ng", "feat-mk", "obj-mk-pa", "obj-mk-ns"]
    settings["methods"] = dict.fromkeys(settings["methods"]) | {"original": {}}
    plot("snapshots", paths, tmp_path / "snapshots", settings)
    assert len(panels) == 3


def test_images_that_are_not_in_the_snapshots_of_pretraining_leave_gaps(results, tmp_path, monkeypatch):
    paths, panels = copied(results, tmp_path / "copy"), plotted_panels(monkeypatch)
    path = stems(paths, 1)["pre-training"].with_suffix(".snapshots.npz")
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **arrays | {"image_ids": np.array([101, 7, 8, 9])})
    plot("snapshots", paths, tmp_path / "snapshots")
    assert panels[0].grid[0][0] is None
    np.testing.assert_array_equal(panels[0].grid[2][0], arrays["reconstruction"][0][0])


@pytest.mark.parametrize(
    ("count", "expected"), [(9, [0, 1, 2, 3, 4]), (5, [0, 1, 2, 3, 4]), (3, [0, 2, 4]), (2, [0, 4])]
)
def test_evenly_spaced_items_include_both_ends(count, expected):
    assert snapshots.evenly_spaced(range(5), count) == expected
