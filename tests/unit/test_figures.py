"""Every figure is drawn, twice alike, from planted records; what must be in it is in it."""

import importlib
import re

import numpy as np
import pytest
from PIL import Image

from soulbench.analysis.gather import read_csv
from soulbench.analysis.tables import write_tables
from soulbench.core.errors import UserError
from soulbench.figures import gallery, style
from soulbench.figures.gallery import Column, Pictures
from soulbench.report.page import FIGURES
from tests.unit.images_factory import write_images
from tests.unit.records_factory import Factory, config
from tests.unit.trainings_factory import write_trainings


def prepare(folder, settings):
    Factory(folder, settings).write()
    write_images(folder, settings)
    write_trainings(folder, settings)
    write_tables(settings, folder, lambda line: None)
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("results"), config(bootstrap=50))


def draw(name, results, stem, settings=None):
    lines = []
    module = importlib.import_module(f"soulbench.figures.{name}")
    module.draw(settings or config(bootstrap=50), results, stem, lines.append)
    assert lines
    svg = stem.with_suffix(".svg").read_text(encoding="utf-8")
    return re.sub(r"<[^>]+>", " ", svg)


@pytest.mark.parametrize("name", FIGURES)
def test_drawn_and_readable(results, tmp_path, name):
    text = draw(name, results, tmp_path / name)
    with Image.open(tmp_path / f"{name}.png") as picture:
        assert min(picture.size) > 500
        assert np.asarray(picture.convert("L")).std() > 5
    assert (tmp_path / f"{name}.svg").stat().st_size < 3_000_000
    if name not in ("module_time", "alpha", "modules", "training"):
        assert "obj-mk-pa" in text


def test_same_tables_same_bytes(results, tmp_path):
    for stem in ("a", "b"):
        draw("tradeoff", results, tmp_path / stem)
    for kind in (".png", ".svg"):
        assert (tmp_path / f"a{kind}").read_bytes() == (tmp_path / f"b{kind}").read_bytes()


def test_metrics_say_direction_reference_and_untrained_backbone(results, tmp_path):
    text = draw("metrics", results, tmp_path / "metrics")
    for words in ("better: towards the dashed line", "← better", "better →", "LPIPS (untrained squeeze)"):
        assert words in text
    for words in ("retrained model", "inside the noise floor", "95% interval over 6 requests"):
        assert words in text


def test_trained_backbone_is_not_called_untrained():
    settings = config()
    settings["evaluation"]["lpips"] = {"net": "alex", "weights": "imagenet"}
    assert style.lpips_name(settings) == "LPIPS (alex, ImageNet)"


def test_few_requests_are_said_to_be_points(tmp_path):
    settings = config(bootstrap=50)
    settings["requests"]["count"] = 2
    results = prepare(tmp_path / "results", settings)
    assert "2 requests: points only" in draw("metrics", results, tmp_path / "metrics", settings)
    draw("pictures_more", results, tmp_path / "more", settings)


def test_pictures_show_truth_methods_and_retrained_last(results, tmp_path):
    rows = gallery.rows_of(Pictures(config(), results), ["r1"])
    assert list(rows)[:3] == ["truth", "original", "noop-ft"]
    assert list(rows)[-2:] == ["retrain", "retrain-sample"]


def test_others_hold_the_category_first(results):
    pictures = Pictures(config(), results)
    image, _, category = pictures.target("r1")
    others = pictures.others("r1")
    assert [same for _, same in others] == [True, True, False]
    assert image not in [other for other, _ in others]
    assert category == "man"


def test_outlines_are_on_a_copy(results, tmp_path):
    stored = results / "records" / "obj-mk-pa" / "r1" / "seed1" / "outputs.npz"
    before = stored.read_bytes()
    draw("pictures", results, tmp_path / "pictures")
    assert stored.read_bytes() == before


def test_mosaic_places_every_picture():
    tiles = [
        [np.full((4, 4, 3), 10 * (row * 2 + column), np.uint8) for column in range(2)] for row in range(3)
    ]
    tiles[1][1] = None
    canvas, lefts, tops, side = gallery.mosaic(tiles, [Column("a", "x"), Column("b", "y")])
    assert lefts == [0, side + gallery.BLOCK_GAP]
    assert canvas[tops[2], lefts[1], 0] == 50
    assert canvas[tops[1], lefts[1], 0] == 232
    assert canvas[tops[0], side, 0] == 255


def test_no_pictures_is_a_plain_message():
    with pytest.raises(UserError, match=r"outputs\.npz"):
        gallery.mosaic([[None]], [Column("a", "x")])


def test_a_dimension_that_was_not_measured_is_empty_not_an_error(results):
    table = read_csv(results / "tables" / "ablation_modules.csv")
    found = gallery.means_by(table[table["dimension"] != "A2"], "module", "A2", "mae")
    assert found.isna().all(axis=None)
