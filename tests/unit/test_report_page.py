"""The page: complete, self-contained, and alive in a real browser."""

import html
import re
import shutil
import subprocess

import pandas as pd
import pytest

from soulbench.analysis.claims.verdicts import CLAIMS, write_claims
from soulbench.analysis.dimensions import DIMENSIONS
from soulbench.analysis.tables import write_tables
from soulbench.core.errors import UserError
from soulbench.core.terms import METRICS
from soulbench.figures import tradeoff
from soulbench.report import captions, headline, photographs
from soulbench.report.grids import grid_data
from soulbench.report.page import FIGURES, build, number
from tests.unit.images_factory import write_images
from tests.unit.records_factory import ROOT, Factory, config

CHROMIUM = shutil.which("chromium")
# Run after the page's own script: sorts the first table by its mean twice, filters it, opens the second.
PROBE = """
<script>
const host = document.getElementById("grid-summary");
const column = [...host.querySelectorAll("th")].findIndex((head) => head.textContent === "mean");
const texts = (index) => [...host.querySelectorAll("tbody tr")].map((row) => row.cells[index].textContent);
const means = () => texts(column).join(" ");
const click = () => host.querySelectorAll("th button")[column].click();
click(); document.body.dataset.up = means();
click(); document.body.dataset.down = means();
document.body.dataset.sort = host.querySelectorAll("th")[column].getAttribute("aria-sort");
const select = host.querySelector("select");
select.value = "obj-ng"; select.dispatchEvent(new Event("change"));
document.body.dataset.methods = [...new Set(texts(0))].join(" ");
const search = host.querySelector("input");
search.value = "retrain-a2"; search.dispatchEvent(new Event("input"));
document.body.dataset.found = host.querySelectorAll("tbody tr").length;
document.querySelector(".zoom").click();
document.body.dataset.lens = document.getElementById("lens").open;
document.body.dataset.wide = document.documentElement.scrollWidth <= innerWidth;
const outside = performance.getEntriesByType("resource").filter((item) => !item.name.startsWith("data:"));
document.body.dataset.requests = outside.length;
</script></body>"""


def prepare(folder, settings):
    Factory(folder, settings).write()
    write_images(folder, settings)
    write_tables(settings, folder, lambda line: None)
    write_claims(settings, folder, lambda line: None)
    tradeoff.draw(settings, folder, folder / "figures" / "tradeoff", lambda line: None)
    build(settings, folder, folder / "report" / "index.html", lambda line: None, "name: demo\n")
    return folder / "report" / "index.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("results"), config(bootstrap=100))


@pytest.fixture(scope="module")
def text(page):
    return page.read_text(encoding="utf-8")


def test_nothing_is_fetched(text):
    assert not re.findall(r"""<[^>]+(?:src|href)\s*=\s*["']?(?!data:|#)[^"'\s>]+""", text)
    assert not re.findall(
        r"""url\((?!["']?data:)|@import|\bfetch\(|XMLHttpRequest|https?://(?!www\.w3\.org)""", text
    )
    assert "default-src 'none'" in text


def test_the_answer_comes_first(text):
    places = [
        text.index(f'id="{name}"') for name in ("answer", "claims", "figures", "tables", "data", "provenance")
    ]
    assert places == sorted(places)
    assert "In reconstruction the object goes and the rest stays with" in text


def test_claims_have_their_badges(page, text):
    claims = pd.read_csv(page.parents[1] / "tables" / "claims.csv")
    assert text.count('class="badge') == len(claims) == 11
    assert all(html.escape(why) in text.replace("&#39;", "&#x27;") for why in claims["why"])


def test_untrained_backbone_and_provenance_are_named(text):
    assert "LPIPS (untrained squeeze)" in text
    for words in ("cpu (planted)", "2" * 40, "torch", "base 0; training 1, 2"):
        assert words in text


def test_photographs_mark_the_requests(text):
    assert text.count('class="photo"') == 32
    assert text.count('class="box"') == 6


def test_same_results_same_page(page, tmp_path):
    build(config(bootstrap=100), page.parents[1], tmp_path / "again.html", lambda line: None, "name: demo\n")
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_few_requests_make_a_page_that_says_so(tmp_path):
    settings = config(bootstrap=50)
    settings["requests"]["count"] = 1
    settings["ablations"]["requests"] = 1
    assert "too few requests for a verdict" in prepare(tmp_path, settings).read_text(encoding="utf-8")


def test_too_large_a_page_is_refused(page, tmp_path, monkeypatch):
    monkeypatch.setattr("soulbench.report.page.LIMIT", 1000)
    with pytest.raises(UserError, match="15"):
        build(config(), page.parents[1], tmp_path / "big.html", lambda line: None, "name: demo\n")
    assert not (tmp_path / "big.html").exists()


@pytest.mark.parametrize("name", [*FIGURES, "tables", "workflow"])
def test_captions_are_short_and_name_the_device(name):
    rendered = str(captions.caption(name, config()))
    words = re.sub(r"<[^>]+>", "", rendered)
    assert "system-message" not in rendered
    assert 1 <= len(re.findall(r"[.!](?:\s|$)", words.replace("Fig. ", "Fig "))) <= 4
    if name != "workflow":
        assert "device: cpu" in " ".join(words.split())


def test_captions_follow_the_backbone():
    settings = config()
    assert "untrained" in captions.caption("metrics", settings)
    settings["evaluation"]["lpips"] = {"net": "alex", "weights": "imagenet"}
    assert "untrained" not in captions.caption("metrics", settings)


def test_a_figure_without_a_caption_is_a_plain_message():
    with pytest.raises(UserError, match="needs a caption"):
        captions.caption("nothing", config())


def test_table_data_cannot_end_its_script():
    data = grid_data(pd.DataFrame({"note": ["</script><b>"], "value": [float("nan")]}))
    assert "<" not in data
    assert "null" in data


def test_numbers_are_written_for_readers():
    assert number(-0.04) == "0.0"
    assert number(-3.25) == "−3.2"
    assert number(float("nan")) == "–"
    assert headline.percent(0.884) == "88 %"
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


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("width", [1280, 500])
def test_in_a_browser(text, tmp_path, width):
    copy = tmp_path / "index.html"
    copy.write_text(text.replace("</body>", PROBE), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width},900",
        "--dump-dom",
        copy.as_uri(),
    ]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found = dict(re.findall(r'data-(\w+)="([^"]*)"', re.search(r"<body[^>]*>", dom)[0]))
    up, down = ([float(value.replace("−", "-")) for value in found[key].split()] for key in ("up", "down"))
    assert len(up) > 100
    assert up == sorted(up)
    assert down == up[::-1]
    assert found["sort"] == "descending"
    assert found["methods"] == "obj-ng"
    assert found["found"] == "1"
    assert (found["lens"], found["wide"], found["requests"]) == ("true", "true", "0")


def test_the_docs_name_every_dimension_metric_and_table(page):
    words = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    tables = [path.name for path in (page.parents[1] / "tables").glob("*.csv")]
    for name in [*DIMENSIONS, *METRICS, *tables]:
        assert f"`{name}`" in words, name
    for claim in CLAIMS:
        assert f"| {claim} |" in words
