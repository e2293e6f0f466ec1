"""The figures of trainings: curves and films, from made-up files beside the checkpoints."""

import shutil

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from soulbench.analysis.gather import read_csv
from soulbench.core.errors import UserError
from soulbench.figures import gallery, snapshots, training
from tests.unit.records_factory import config
from tests.unit.test_figures import draw, prepare
from tests.unit.trainings_factory import EVERY, write_curves


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("results"), config(bootstrap=50))


@pytest.fixture
def figures(monkeypatch):
    """The Matplotlib figures that are drawn, as they were when they were written."""
    made, write = [], Figure.savefig

    def kept(self, *arguments, **more):
        made.append(self)
        return write(self, *arguments, **more)

    monkeypatch.setattr(Figure, "savefig", kept)
    return made


def test_training_has_a_line_a_seed_and_their_mean(results, tmp_path, figures):
    text = draw("training", results, tmp_path / "training")
    panels = figures[0].axes
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
    table = pd.read_csv(results / "models" / "original" / "seed1.curves.csv")
    both = table["l1"] / 2 + pd.read_csv(results / "models" / "original" / "seed2.curves.csv")["l1"] / 2
    means = [line for line in panels[1].lines if line.get_linewidth() > 1 and line.get_color() == "#0072B2"]
    np.testing.assert_allclose(means[0].get_xdata(), table["step"])
    np.testing.assert_allclose(means[0].get_ydata(), both)


def test_every_value_of_the_rates_is_inside_its_panel(results, tmp_path, figures):
    draw("training", results, tmp_path / "training")
    for panel in figures[0].axes[2:]:
        assert max(line.get_ydata().max() for line in panel.lines) <= panel.get_ylim()[1]


def lowest(panel):
    return min(np.min(line.get_ydata()) for line in panel.lines)


def test_parts_that_can_be_negative_have_a_panel_of_their_own(results, tmp_path, figures):
    settings = config()
    for part, scale in (("mild", 1), ("wild", 1000)):
        for seed in settings["seeds"]:
            for stage, folder in training.STAGES.items():
                stem = tmp_path / part / "models" / folder / f"seed{seed}"
                write_curves(stem, stage, 300, {**EVERY, "image_gan": -0.4 * scale, "novel": 1.0}, seed)
        text = draw("training", tmp_path / part, tmp_path / part)
        for name in ("object gan", "feature matching", "discriminators", "image gan", "novel"):
            assert name in text
    (positive, _, mild), (_, _, wild) = (made.axes[:3] for made in figures[::2])
    assert positive.get_yscale() == "log"
    assert lowest(positive) > 0
    assert lowest(mild) < 0
    assert (mild.get_yscale(), wild.get_yscale()) == ("linear", "symlog")


def test_a_loss_that_is_nearly_zero_for_once_leaves_room_for_the_others(results, tmp_path, figures):
    settings = {**config(), "seeds": [1]}
    for stage, folder in training.STAGES.items():
        stem = tmp_path / "models" / folder / "seed1"
        write_curves(stem, stage, 1000, EVERY | {"image_gan": 0.0}, 1)
        path = stem.with_suffix(".curves.csv")
        table = pd.read_csv(path)
        table.loc[len(table) - 1, "boxes"] = 1e-9
        table.to_csv(path, index=False)
    assert "1 training seed " in draw("training", tmp_path, tmp_path / "training", settings)
    assert figures[0].axes[0].get_ylim()[0] > 1e-3


def test_long_trainings_are_thinned_to_the_same_steps_for_all_seeds(tmp_path):
    frames = []
    for seed in (1, 2):
        write_curves(tmp_path / str(seed), "fine-tuning", 30_000, EVERY, seed)
        frames.append(training._thinned(pd.read_csv(tmp_path / f"{seed}.curves.csv").assign(seed=seed)))
    assert len(frames[0]) == training.POINTS
    assert frames[0]["step"].tolist() == frames[1]["step"].tolist()
    assert frames[0]["step"].iloc[-1] == 30_000
    whole = pd.read_csv(tmp_path / "1.curves.csv")
    assert frames[0]["l1"].iloc[0] == pytest.approx(whole.loc[whole["step"] <= 250, "l1"].mean())


def test_one_step_is_a_point(tmp_path, figures):
    settings = {**config(), "seeds": [1]}
    for stage, folder in training.STAGES.items():
        write_curves(tmp_path / "models" / folder / "seed1", stage, 6, {"l1": 0.5}, 1)
    draw("training", tmp_path, tmp_path / "training", settings)
    assert {line.get_marker() for line in figures[0].axes[0].lines} == {"o"}


def copied(results, folder):
    shutil.copytree(results, folder)
    return folder


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("training", "models/pretrained/seed2.curves.csv"),
        ("snapshots", "models/original/seed1.snapshots.npz"),
        ("snapshots", "unlearned/obj-mk-pa/r1/seed1/model.snapshots.npz"),
        ("snapshots", "unlearned/noop-ft/all-requests/seed1/model.snapshots.npz"),
    ],
)
def test_what_a_training_did_not_leave_or_left_broken_is_named(results, tmp_path, name, path):
    folder = copied(results, tmp_path / "copy")
    (folder / path).write_bytes(b"\0")
    with pytest.raises(UserError, match=path):
        draw(name, folder, tmp_path / name)
    (folder / path).unlink()
    with pytest.raises(UserError, match=f"{path}: there is no such"):
        draw(name, folder, tmp_path / name)


def shown(monkeypatch):
    """The strips that a film's drawing shows."""
    strips, show = [], gallery.show

    def kept(made, *strip):
        strips.append(snapshots.Strip("", *strip))
        return show(made, *strip)

    monkeypatch.setattr(gallery, "show", kept)
    return strips


def test_film_shows_learning_and_then_unlearning(results, tmp_path, monkeypatch):
    strips = shown(monkeypatch)
    text = draw("snapshots", results, tmp_path / "snapshots")
    assert "The original model learns (training seed 1)" in text
    assert "The methods unlearn r1: man (image 100)" in text
    learning, unlearning = strips
    assert [column.label for column in learning.columns] == [
        *(f"step {step}" for step in (0, 8, 15, 60, 26, 52, 105, 210, 420)),
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
        *(f"step {step}" for step in (0, 2, 3, 12, 25)),
        "truth",
    ]
    assert all(column.box is not None for column in unlearning.columns)


def test_film_puts_every_picture_in_its_place(results, tmp_path, monkeypatch):
    strips = shown(monkeypatch)
    draw("snapshots", results, tmp_path / "snapshots")
    with np.load(results / "models" / "pretrained" / "seed1.snapshots.npz") as stored:
        moment = stored["steps"].tolist().index(15)
        np.testing.assert_array_equal(strips[0].grid[3][2], stored["synthesis"][moment][1])
        np.testing.assert_array_equal(strips[0].grid[3][-1], stored["truth"][1])
    with np.load(results / "unlearned" / "obj-ng" / "r1" / "seed1" / "model.snapshots.npz") as stored:
        row = strips[1].grid[strips[1].rows.index("obj-ng")]
        np.testing.assert_array_equal(row[4], stored["reconstruction"][-1][0])
        np.testing.assert_array_equal(row[9], stored["synthesis"][-1][0])


def test_film_leaves_out_who_has_no_strip_of_the_request(results, tmp_path, monkeypatch):
    folder, settings, strips = copied(results, tmp_path / "copy"), config(bootstrap=50), shown(monkeypatch)
    memorised = read_csv(folder / "tables" / "memorised.csv")
    memorised["clearly"] = memorised["request"] == "r3"
    memorised.to_csv(folder / "tables" / "memorised.csv", index=False)
    settings["methods"] |= {"obj-ng": {"requests": 2}, "feat-ng": None}
    # noop-ft serves every request, and was watched with the first one's target
    draw("snapshots", folder, tmp_path / "snapshots", settings)
    assert strips[1].rows == ["sample-ft", "sample-ng", "feat-mk", "obj-mk-pa", "obj-mk-ns"]
    settings["methods"] = dict.fromkeys(settings["methods"]) | {"original": {}}
    draw("snapshots", folder, tmp_path / "snapshots", settings)
    assert len(strips) == 3


def test_film_of_a_subset_that_pretraining_did_not_know_has_gaps(results, tmp_path, monkeypatch):
    folder, strips = copied(results, tmp_path / "copy"), shown(monkeypatch)
    path = folder / "models" / "pretrained" / "seed1.snapshots.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **arrays | {"image_ids": np.array([101, 7, 8, 9])})
    draw("snapshots", folder, tmp_path / "snapshots")
    assert strips[0].grid[0][0] is None
    np.testing.assert_array_equal(strips[0].grid[2][0], arrays["reconstruction"][0][0])


@pytest.mark.parametrize(
    ("count", "expected"), [(9, [0, 1, 2, 3, 4]), (5, [0, 1, 2, 3, 4]), (3, [0, 2, 4]), (2, [0, 4])]
)
def test_picked_moments_keep_both_ends(count, expected):
    assert snapshots.picked(range(5), count) == expected
