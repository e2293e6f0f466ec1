"""Every figure is plotted from planted records, from the files and settings that it declares, and twice alike."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from soulbench import figures
from soulbench.analysis.tables import write_tables
from soulbench.config import runs, sections
from soulbench.core import plugins
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.figures import _gallery, queries
from soulbench.figures._gallery import BenchmarkImages, Column
from tests.unit.images_factory import write_images
from tests.unit.records_factory import Factory, config
from tests.unit.scenes_factory import kinds
from tests.unit.trainings_factory import write_trainings

NAMES = [figure.name for figure in figures.planned(config())]
NEW_FIGURE = '''
"""A new figure."""
from soulbench.figures import _style

TITLE, SUBCATEGORY, POSITION, CONFIG = "What is new", "Outcome", 15, ("seeds",)
CAPTION = "It shows {{ seeds }}; device: {{ config.device }}."


def inputs(config, paths):
    return [paths.table("summary")]


def plot(config, paths, out_stem, log):
    with _style.figure(4, 4, out_stem) as fig:
        fig.suptitle(f"{len(config['seeds'])} seeds")
    log("done")
'''


def prepare(folder, settings):
    """Write results of a benchmark with planted effects; return their paths."""
    Factory(folder, settings).write()
    write_images(folder, settings)
    write_trainings(folder, settings)
    write_tables(settings, folder, lambda line: None)
    return ResultPaths(str(folder))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("results"), config(bootstrap=50))


def plot(name, paths, stem, settings=None):
    """Plot a figure, given only the settings that it declares; return the text in it."""
    lines, figure = [], figures.get(name)
    part = sections.select(settings or config(bootstrap=50), *figure.config_keys)
    figure.plot(part, paths, stem, lines.append)
    assert lines
    svg = stem.with_suffix(".svg").read_text(encoding="utf-8")
    return re.sub(r"<[^>]+>", " ", svg)


def with_only_inputs(name, paths, folder):
    """Copy the files that a figure declares, and no others, to another folder."""
    for source in figures.get(name).inputs(config(), paths):
        target = folder / Path(source).relative_to(paths.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if Path(source).is_dir() else shutil.copy)(source, target)
    return ResultPaths(str(folder))


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_needs_only_the_files_that_it_declares(results, tmp_path, name):
    paths = with_only_inputs(name, results, tmp_path / "copy")
    text = plot(name, paths, tmp_path / name)
    with Image.open(tmp_path / f"{name}.png") as image:
        assert min(image.size) > 500
        assert np.asarray(image.convert("L")).std() > 5
    assert (tmp_path / f"{name}.svg").stat().st_size < 3_000_000
    if name not in ("module_time", "alpha", "modules", "training"):
        assert "obj-mk-pa" in text


def test_figures_without_their_ablations_are_not_planned():
    settings = config()
    settings["ablations"]["requests"] = 0
    missing = set(NAMES) - {figure.name for figure in figures.planned(settings)}
    assert missing == {"alpha", "modules", "module_time"}


def test_a_new_figure_is_one_file(results, tmp_path, monkeypatch):
    (tmp_path / "new_one.py").write_text(NEW_FIGURE, encoding="utf-8")
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path)])
    plugins.forget()
    try:
        planned = figures.planned(config())
        assert [figure.name for figure in planned][:3] == ["tradeoff", "budgets", "new_one"]
        assert planned[2].caption(config()) == "It shows 2 training seeds; device: cpu."
        assert plot("new_one", results, tmp_path / "new_one").strip().endswith("2 seeds")
    finally:
        plugins.forget()


def test_a_figure_without_a_caption_is_a_plain_message(tmp_path, monkeypatch):
    text = NEW_FIGURE.replace("CAPTION", "LEGEND").replace("def inputs", "def reads")
    (tmp_path / "broken.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path)])
    plugins.forget()
    try:
        with pytest.raises(UserError, match=r"broken\.py: a figure's file must define CAPTION, inputs"):
            figures.get("broken")
    finally:
        plugins.forget()


def test_an_unknown_figure_is_named_with_the_nearest():
    with pytest.raises(UserError, match=r"no figure 'metric' \(did you mean metrics\?\)"):
        figures.get("metric")


def test_same_tables_same_bytes(results, tmp_path):
    for stem in ("a", "b"):
        plot("tradeoff", results, tmp_path / stem)
    for suffix in (".png", ".svg"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_metrics_name_direction_reference_and_untrained_backbone(results, tmp_path):
    text = plot("metrics", results, tmp_path / "metrics")
    for phrase in ("better: towards the dashed line", "← better", "better →", "LPIPS (untrained squeeze)"):
        assert phrase in text
    for phrase in ("retrained model", "inside the noise floor", "95% interval over 6 requests"):
        assert phrase in text


def test_a_trained_backbone_is_not_called_untrained():
    settings = config()
    settings["evaluation"]["lpips"] = {"net": "alex", "weights": "imagenet"}
    assert figures.lpips_name(settings) == "LPIPS (alex, ImageNet)"


def test_with_few_requests_there_are_only_points(tmp_path):
    settings = config(bootstrap=50)
    settings["requests"]["kinds"] = kinds(object=2)
    paths = prepare(tmp_path / "results", settings)
    assert "2 requests: points only" in plot("metrics", paths, tmp_path / "metrics", settings)
    plot("qualitative_more", paths, tmp_path / "more", settings)


def test_every_one_of_twelve_queries_is_shown(results, tmp_path):
    """More queries than colours: each has its own colour and marker, and its entry in the legend."""
    paths = with_only_inputs("queries", results, tmp_path / "copy")
    table = read_csv(Path(paths.table("queries")))
    names = [f"query-{number}" for number in range(1, 13)]
    rows = [table[table["query"] == "none"].assign(query=name) for name in names]
    pd.concat([table[table["query"] == "none"], *rows]).to_csv(paths.table("queries"), index=False)
    settings = config(bootstrap=50)
    settings["evaluation"]["queries"] = names
    text = plot("queries", paths, tmp_path / "queries", settings)
    for name in names:
        assert f"{name}, 6 requests" in text
    looks = queries._looks(["none", *names])
    assert list(looks) == ["none", *names]
    assert len({(look.colour, look.marker) for look in looks.values()}) == 13


def test_rows_are_truth_then_methods_then_retrained_models(results):
    rows = _gallery.outputs_by_row(BenchmarkImages(config(), results), ["r1"])
    assert list(rows)[:3] == ["truth", "original", "noop-ft"]
    assert list(rows)[-3:] == ["retrain", "retrain-person", "retrain-sample"]


def test_with_a_bank_the_last_row_is_a_model_that_never_saw_the_request(tmp_path):
    settings = config(bootstrap=50)
    settings["references"]["bank"] = {"models": 4, "share": 0.5}
    settings["methods"]["retrain"] = {"requests": 1}  # there are exact models for this one alone
    paths = ResultPaths(str(tmp_path))
    Factory(tmp_path, settings).write()
    write_images(tmp_path, settings)
    read = figures.get("qualitative_more").inputs(settings, paths)
    rows = _gallery.outputs_by_row(BenchmarkImages(settings, paths), ["r2", "r3"])
    assert list(rows)[-2:] == ["retrain-sample", "retrained"]
    for request, outputs in zip(["r2", "r3"], rows["retrained"], strict=True):
        path = paths.record("bank", request, runs.out_models(settings, request)[0], "outputs.npz")
        assert np.array_equal(np.stack(list(outputs["synthesis"].values())), np.load(path)["synthesis"])
        assert path in read


def test_records_of_an_earlier_configuration_are_not_shown(results, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(results.root, folder)
    paths, settings = ResultPaths(str(folder)), config(bootstrap=50)
    settings["methods"] |= {"obj-ng": None, "feat-mk": {"requests": 1}}
    assert Path(paths.record("obj-ng", "r1", 1, "outputs.npz")).is_file()
    images = BenchmarkImages(settings, paths)
    assert "obj-ng" not in images.methods(["r1"])
    assert "feat-mk" in images.methods(["r1", "r2"])
    assert "feat-mk" not in images.methods(["r2"])
    assert images.outputs("feat-mk", "r2") is None
    assert images.query_outputs("obj-ng", "r1") == {}
    assert "obj-ng" not in plot("qualitative", paths, tmp_path / "qualitative", settings)


def test_a_planned_record_that_is_missing_is_named(results, tmp_path):
    paths = with_only_inputs("qualitative", results, tmp_path / "copy")
    record = Path(paths.record("obj-ng", "r1", 1, "outputs.npz"))
    for content in (b"", b"\0"):
        record.write_bytes(content)
        with pytest.raises(UserError, match=r"obj-ng/r1/seed1/outputs\.npz: damaged"):
            plot("qualitative", paths, tmp_path / "qualitative")
    record.unlink()
    with pytest.raises(UserError, match=r"obj-ng/r1/seed1/outputs\.npz: there is no such file"):
        plot("qualitative", paths, tmp_path / "qualitative")


def test_other_images_with_the_category_come_first(results):
    images = BenchmarkImages(config(), results)
    target, _, category = images.target("r1")
    others = images.others("r1")
    assert [same for _, same in others] == [True, True, False]
    assert target not in [other for other, _ in others]
    assert category == "man"


def test_outlines_do_not_change_the_records(results, tmp_path):
    stored = Path(results.record("obj-mk-pa", "r1", 1, "outputs.npz"))
    before = stored.read_bytes()
    plot("qualitative", results, tmp_path / "qualitative")
    assert stored.read_bytes() == before


def test_a_mosaic_has_every_image_at_its_position():
    grid = [
        [np.full((4, 4, 3), 10 * (row * 2 + column), np.uint8) for column in range(2)] for row in range(3)
    ]
    grid[1][1] = None
    canvas, lefts, tops, side = _gallery.mosaic(grid, [Column("a", "x"), Column("b", "y")])
    assert lefts == [0, side + _gallery.BLOCK_GAP]
    assert canvas[tops[2], lefts[1], 0] == 50
    assert canvas[tops[1], lefts[1], 0] == 232
    assert canvas[tops[0], side, 0] == 255


def test_a_mosaic_without_images_is_a_plain_message():
    with pytest.raises(UserError, match=r"outputs\.npz"):
        _gallery.mosaic([[None]], [Column("a", "x")])


def test_a_dimension_that_was_not_measured_is_empty_not_an_error(results):
    table = read_csv(Path(results.table("ablation_modules")))
    means = _gallery.means_by(table[table["dimension"] != "A2"], "module", "A2", "mae")
    assert means.isna().all(axis=None)


def test_figure_inputs_are_planned_files_of_the_benchmark():
    settings = config()
    paths = ResultPaths.of(settings)
    for figure in figures.planned(settings):
        inputs = figure.inputs(settings, paths)
        assert inputs
        assert len(set(inputs)) == len(inputs)
        assert all(path.startswith(f"{paths.root}/") for path in inputs)
    snapshots = figures.get("snapshots").inputs(settings, paths)
    checkpoint = runs.checkpoint(settings, "noop-ft", "r1", 1)
    assert checkpoint.replace(".safetensors", ".snapshots.npz") in snapshots


def test_metrics_have_their_names_whatever_figures_are_imported():
    """The figure `metrics` is a module of this package, too."""
    assert figures.get("metrics").name == "metrics"
    settings = config()
    settings["evaluation"]["metrics"] = {"delta-e": {}}
    names = [figures.metric_name(settings, metric) for metric in ("ssim", "lpips", "mae", "delta-e")]
    assert names == ["SSIM", "LPIPS (untrained squeeze)", "MAE, grey levels", "colour difference (CIEDE2000)"]


@pytest.mark.parametrize(("columns", "rows"), [(8, 16), (4, 6), (8, 4)])
@pytest.mark.parametrize("name", ["obj-if", "surrogate-identity", "a-method-of-my-own-with-a-name"])
def test_the_names_of_a_mosaics_rows_fit_into_the_figure(columns, rows, name):
    headings = [Column(f"block {index // 2}", "x") for index in range(columns)]
    names, image = [name] * rows, np.zeros((64, 64, 3), np.uint8)
    fig = Figure(figsize=_gallery.size(headings, names), layout="constrained")
    canvas = FigureCanvasAgg(fig)
    axes = _gallery.plot_mosaic(fig, [[image] * columns] * rows, headings, names, ["#000000"] * rows)
    canvas.draw()
    assert min(text.get_window_extent().x0 for text in axes.texts) >= 0
