"""The page: complete, self-contained, and working in a real browser."""

import html
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from jinja2 import Environment, StrictUndefined
from PIL import Image

from soulbench import figures
from soulbench.analysis.claims.table import CLAIMS, write_claims
from soulbench.analysis.dimensions import DIMENSIONS
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.core.records import read_json, write_json
from soulbench.core.tables import read_csv
from soulbench.core.terms import UNITS
from soulbench.report import captions, headline, photographs
from soulbench.report.grids import grid_data
from soulbench.report.page import SECTIONS, number, provenance, write_page
from tests.unit.records_factory import ROOT, config
from tests.unit.scenes_factory import kinds
from tests.unit.test_figures import prepare


def written(settings, paths):
    """Write the page of results that are there."""
    captions = {figure.name: figure.caption(settings) for figure in figures.planned(settings)}
    write_page(settings, paths, captions, "name: demo\n", lambda line: None)


def page_of(folder, settings):
    """Write the page of a benchmark with planted effects; its figures are small placeholders. Return its paths."""
    paths = prepare(folder, settings)
    write_claims(settings, folder, lambda line: None)
    for figure in figures.planned(settings):
        path = Path(paths.figure(figure.name, "png"))
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (60, 40)).save(path)
    written(settings, paths)
    return paths


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return page_of(tmp_path_factory.mktemp("results"), config(bootstrap=100))


@pytest.fixture(scope="module")
def text(paths):
    return Path(paths.page()).read_text(encoding="utf-8")


def test_nothing_is_fetched(text):
    # Links to files beside the page, which a reader may follow: nothing is loaded from there.
    beside = r"\.\./(?:figures|tables)/\w+\.(?:svg|png|csv)\""
    assert not re.findall(rf"""<[^>]+(?:src|href)\s*=\s*["']?(?!data:|#|{beside})[^"'\s>]+""", text)
    assert not re.findall(
        r"""url\((?!["']?data:)|@import|\bfetch\(|XMLHttpRequest|https?://(?!www\.w3\.org)""", text
    )
    assert "default-src 'none'" in text


def test_the_answer_comes_first(text):
    positions = [text.index(f'<section id="{name}"') for name in SECTIONS]
    assert positions == sorted(positions)
    assert "In reconstruction, no method is certain to forget the object as retraining does" in text
    assert "These are certain to remove it and to keep the rest: obj-mk-" in text


def test_every_method_has_two_letters_with_the_attacks_that_they_rest_on(paths, text):
    section = text[text.index('id="attacks"') : text.index('<section id="figures"')]
    table = read_csv(paths.table("letters"))
    assert {"yes", "unclear"} <= {*table["leaks"]}
    for method, rows in table.groupby("method"):
        row = re.search(rf'<tr><th scope="row">{method}</th>(.*?)</tr>', section, re.DOTALL)
        assert row is not None
        cells = [
            re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row[1], re.DOTALL)
        ]
        assert len(cells) == 3 * len(rows)
        for (forgets, leaks, why), one in zip(
            zip(*[iter(cells)] * 3, strict=True), rows.itertuples(), strict=True
        ):
            assert forgets.endswith(f" {one.forgets}") and leaks.endswith(f" {one.leaks}")
            assert why.startswith(one.leaking or one.unclear or "–")
    said = " ".join(section.split())
    # Neither that it is the leak nor that it is not: the number and its p say how sure that is.
    assert re.search(
        r"rank correlation .* that did not collapse: -?−?[\d.]+ in reconstruction \(\d methods, p = [\d.]+\),",
        said,
    )
    assert re.search(r"in synthesis \(\d methods, p = [\d.]+\)\. Figures:", said)
    for name in ("attacks", "forgets_leaks", "compression", "leak_gallery"):
        assert f'<a href="#figure-{name}">' in section and f'id="figure-{name}"' in text


def test_figures_are_in_order_with_title_and_caption(text):
    planned = figures.planned(config())
    positions = [text.index(f'id="figure-{figure.name}"') for figure in planned]
    assert positions == sorted(positions)
    for figure in planned:
        assert html.escape(figure.title) in text
        assert str(captions.as_html(figure.caption(config()))) in text


def test_synthesis_is_described_by_its_inputs(paths, text):
    assert "neither visual features nor boxes are inputs. The true boxes place the masks" in text
    assert "visual features and boxes are inputs." in text
    assert "graph and boxes alone" not in text


def test_a_figure_that_was_not_plotted_is_named(paths, tmp_path):
    copy = ResultPaths(str(tmp_path / "copy"))
    shutil.copytree(paths.root, copy.root)
    Path(copy.figure("latent", "png")).unlink()
    with pytest.raises(UserError, match=r"latent\.png: there is no such figure; run the rule figure_latent"):
        written(config(bootstrap=100), copy)


def test_what_an_earlier_configuration_left_is_not_on_the_page(paths, tmp_path):
    """Records, models and figures that are not planned any more stay on the disk, and off the page."""
    copy, settings = ResultPaths(str(tmp_path / "copy")), config(bootstrap=100)
    shutil.copytree(paths.root, copy.root)
    stale = {"device": "cpu (stale)", "commit": "3" * 40}
    write_json(copy.record("removed-method", "r1", 1, "record.json"), stale)
    write_json(copy.record("obj-ng", "r99", 1, "record.json"), stale)
    write_json(f"{copy.root}/unlearned/removed-method/r1/seed1/model.json", stale)
    settings["ablations"]["requests"] = 0
    facts = provenance(settings, copy)
    assert facts["devices"] == ["cpu: x86_64 (planted), portable arithmetic"]
    assert facts["commits"] == ["2" * 40]
    written(settings, copy)
    page = Path(copy.page()).read_text(encoding="utf-8")
    assert "figure-alpha" not in page
    assert "figure-latent" in page


def test_records_of_both_arithmetics_are_told_apart(paths, tmp_path):
    copy = ResultPaths(str(tmp_path / "copy"))
    shutil.copytree(paths.root, copy.root)
    path = Path(copy.record("obj-ng", "r1", 1, "record.json"))
    write_json(path, {**read_json(path), "parameters": {}})
    assert provenance(config(bootstrap=100), copy)["devices"] == [
        "cpu: x86_64 (planted)",
        "cpu: x86_64 (planted), portable arithmetic",
    ]


@pytest.mark.parametrize("device", ["cpu: aarch64, 1 thread(s)", "cuda: NVIDIA H100"])
def test_what_cannot_compute_portably_is_not_said_to(paths, tmp_path, device):
    copy = ResultPaths(str(tmp_path / "copy"))
    shutil.copytree(paths.root, copy.root)
    path = Path(copy.record("obj-ng", "r1", 1, "record.json"))
    write_json(path, {**read_json(path), "device": device})
    assert device in provenance(config(bootstrap=100), copy)["devices"]


def test_claims_have_their_badges(paths, text):
    claims = pd.concat([read_csv(paths.table(name)) for name in ("claims", "timing_claims")])
    shown = [claim for claim in CLAIMS if claim != "C3-described"]  # which the demo has no method for
    assert text.count('class="badge') == len(claims) == len(shown)
    assert 'class="badge by-construction">= by construction' in text
    places = [text.index(f"<td>{claim}</td>") for claim in shown]
    assert places == sorted(places)
    assert all(html.escape(why) in text.replace("&#39;", "&#x27;") for why in claims["why"])


def test_parts_and_corrections_are_on_the_page(paths, text):
    parts = pd.concat([read_csv(paths.table(name)) for name in ("claim_parts", "timing_claim_parts")])
    assert all(html.escape(part) in text for part in parts["part"])
    scores = read_csv(paths.table("scoreboard"))
    changed = scores[(scores["outcome"] != scores["outcome_uncorrected"]) & (scores["level"] != "reference")]
    assert text.count("without correction: ") >= len(changed)
    assert "interval over requests, for these 2 seeds" in text


def test_untrained_backbone_and_provenance_are_named(text):
    assert "LPIPS (untrained squeeze)" in text
    for phrase in ("cpu: x86_64 (planted)", "2" * 40, "torch", "base 0; training 1, 2"):
        assert phrase in text


def test_photographs_mark_the_requests(text):
    assert text.count('class="photo"') == 32
    assert text.count('class="box"') == 6


def test_same_results_same_page(paths, text):
    written(config(bootstrap=100), paths)
    assert Path(paths.page()).read_text(encoding="utf-8") == text


def test_few_requests_make_a_page_that_says_so(tmp_path):
    settings = config(bootstrap=50)
    settings["requests"]["kinds"] = kinds(object=1)
    settings["ablations"]["requests"] = 1
    page = Path(page_of(tmp_path, settings).page()).read_text(encoding="utf-8")
    assert "too few requests for a verdict" in page
    assert "in 1 separate request:\n  1 for one person in one image." in page


def test_too_large_a_page_is_refused(paths, tmp_path, monkeypatch):
    copy = ResultPaths(str(tmp_path / "copy"))
    shutil.copytree(paths.root, copy.root)
    Path(copy.page()).unlink()
    monkeypatch.setattr("soulbench.report.page.LIMIT", 1000)
    with pytest.raises(UserError, match=r"at most 15 are allowed; lower report\.example_requests"):
        written(config(), copy)
    assert not Path(copy.page()).exists()


def check_caption(text):
    """Assert that a caption is valid, and of one to four sentences; return its words."""
    rendered = str(captions.as_html(text))
    assert "system-message" not in rendered
    words = " ".join(re.sub(r"<[^>]+>", "", rendered).split())
    assert 1 <= len(re.findall(r"[.!](?:\s|$)", words.replace("Fig. ", "Fig "))) <= 4
    return words


@pytest.mark.parametrize("figure", figures.planned(config()), ids=lambda figure: figure.name)
def test_captions_are_short_and_name_the_device(figure):
    assert "device: cpu" in check_caption(figure.caption(config()))


@pytest.mark.parametrize("name", ["tables", "workflow"])
def test_captions_of_the_snakemake_report_are_short(name):
    template = (ROOT / "workflow" / "report" / f"{name}.rst").read_text(encoding="utf-8")
    text = Environment(undefined=StrictUndefined).from_string(template)
    check_caption(text.render(snakemake=SimpleNamespace(config=config())))


def test_captions_follow_the_backbone():
    settings = config()
    assert "untrained" in figures.get("metrics").caption(settings)
    settings["evaluation"]["lpips"] = {"net": "alex", "weights": "imagenet"}
    assert "untrained" not in figures.get("metrics").caption(settings)


def test_table_data_cannot_end_its_script():
    data = grid_data(pd.DataFrame({"note": ["</script><b>"], "value": [float("nan")]}))
    assert "<" not in data
    assert "null" in data


def test_numbers_are_written_for_readers():
    assert number(-0.04) == "0.0"
    assert number(-3.25) == "−3.2"
    assert number(float("nan")) == "–"
    assert [headline.percent(share) for share in (0.884, -0.002, -0.13)] == ["88 %", "0 %", "−13 %"]
    assert [headline.cost(ratio) for ratio in (1 / 30, 1.0, float("nan"))] == ["1/30", "1.0 ×", "–"]


def test_counts_join_splits(tmp_path):
    (tmp_path / "summary.json").write_text(
        '{"human": {"images": {"train": 3, "val": 1}, "names": ["a"], "none": [], "n": 2},'
        ' "packed": {"bad_photographs": ["1", "2", "3", "4", "5", "6", "7"]}}'
    )
    assert photographs.counts(tmp_path) == [
        ("human", [("images", "train 3, val 1"), ("names", "a"), ("none", "none"), ("n", "2")]),
        ("packed", [("bad_photographs", "1, 2, 3, 4, 5 and 2 more")]),
    ]


def test_the_docs_name_every_dimension_metric_and_table(paths):
    words = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    tables = [path.name for path in Path(paths.table()).glob("*.csv")]
    for name in [*DIMENSIONS, *UNITS, *tables]:
        assert f"`{name}`" in words, name
    for claim in CLAIMS:
        assert f"| {claim} |" in words
