"""The page as its readers have it, in a browser: every view, every link, back and forward, and hostile names."""

import re
import shutil
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soulbench.analysis.evidence import Evidence
from soulbench.analysis.pairs import pairs
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from tests.unit import browser
from tests.unit.records_factory import config
from tests.unit.test_report_page import page_of, written

pytestmark = browser.NEEDED
HOSTILE = "</script><img src=x onerror=\"document.title='taken'\">\"'&"
#: Keeps what is copied and saved, in place of the clipboard and the disk.
CAUGHT = """
window.caught = [];
navigator.clipboard.writeText = async (text) => { window.caught.push(text); };
URL.createObjectURL = (blob) => { blob.text().then((text) => window.caught.push(text)); return "#"; };
"""


@pytest.fixture(scope="module")
def settings():
    found = config(bootstrap=100)
    found["references"]["bank"] = {"models": 4, "share": 0.5}
    found["requests"]["development"] = 2
    return found


@pytest.fixture(scope="module")
def paths(tmp_path_factory, settings):
    return page_of(tmp_path_factory.mktemp("results"), settings)


@pytest.fixture(scope="module")
def driver():
    with browser.browser() as found:
        yield found


class Page:
    """The page in a browser."""

    def __init__(self, driver, path):
        self.driver, self.path = driver, Path(path)

    def open(self, address=""):
        self.driver.get("about:blank")
        self.driver.get(self.path.as_uri() + address)
        self.until("return document.documentElement.dataset.ready === 'yes'")
        self.run(CAUGHT)
        return self

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, script, *arguments, seconds=20.0):
        end = time.monotonic() + seconds
        while not (found := self.run(script, *arguments)):
            assert time.monotonic() < end, script
            time.sleep(0.02)
        return found

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def texts(self, selector):
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent)", selector
        )

    def click(self, selector, text=None):
        self.run(
            "[...document.querySelectorAll(arguments[0])].find((node) => arguments[1] === null"
            " || node.textContent === arguments[1]).click()",
            selector,
            text,
        )

    def choose(self, host, label, value):
        """Choose a value of a menu by its label."""
        self.run(
            "const label = [...document.querySelectorAll(arguments[0] + ' label')]"
            ".find((node) => node.firstChild.textContent.trim() === arguments[1]);"
            "const select = label.querySelector('select'); select.value = arguments[2];"
            "select.dispatchEvent(new Event('change'));",
            host,
            label,
            value,
        )

    @property
    def address(self):
        return self.run("return location.hash")

    def view(self, name):
        """What a view shows, as text, with the state of its menus."""
        return self.run(
            "const host = document.getElementById(arguments[0] + '-view'); return host.innerText + '|' +"
            " [...host.querySelectorAll('select, input')].map((node) => node.value + node.checked).join()",
            name,
        )


@pytest.fixture
def page(driver, paths):
    return Page(driver, paths.page())


def test_it_opens_without_errors_and_without_the_network(page):
    page.open()
    assert [entry for entry in page.driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    outside = "return performance.getEntriesByType('resource').filter((item) => !item.name.startsWith('data:')).length"
    assert page.run(outside) == 0


def test_every_choice_of_explore_is_in_the_address_and_opens_alike(page):
    page.open("#explore")
    chosen = {"Task": "synthesis", "Harm": "A3", "Metric": "ssim", "Budget": "paths"}
    for label, value in chosen.items():
        page.choose("#explore-view", label, value)
    page.click(".picker button", " obj-mk-pa")
    page.click(".chosen-method .requests button", "r3")
    page.until("return document.querySelectorAll('#explore-view canvas').length === 10")
    address, shown = page.address, page.view("explore")
    for part in (
        "task=synthesis",
        "harm=A3",
        "metric=ssim",
        "budget=paths",
        "method=obj-mk-pa",
        "request=r3",
    ):
        assert part in address
    page.open(address)
    page.until("return document.querySelectorAll('#explore-view canvas').length === 10")
    assert page.view("explore") == shown
    page.click("#explore-view .tools button", "Copy link")
    assert page.until("return window.caught[0]").endswith(address)
    page.click("#explore-view .controls .tools button", "Reset")
    assert page.address == "#explore"
    assert "Click a point" in page.view("explore")


def test_every_method_has_a_point_at_every_budget(page):
    """One that has not that many steps, or no strength, is shown as described."""
    page.open("#explore")
    menu = page.texts("#explore-view select option")
    assert any(text.endswith(" × strength") for text in menu) and any(
        text.endswith(" steps") for text in menu
    )
    described = {point.get_attribute("data-method") for point in page.all("#explore-view .point")}
    values = page.run(
        "return [...document.querySelectorAll('#explore-view option')].map((node) => node.value)"
        ".filter((value) => /^(steps|times)-/.test(value))"
    )
    assert {"obj-if", "obj-mk-pa"} <= described and len(values) > 2
    for value in values:
        page.open(f"#explore?budget={value}")
        assert {point.get_attribute("data-method") for point in page.all("#explore-view .point")} == described


def test_back_and_forward(page):
    page.open("#explore")
    first = page.view("explore")
    page.choose("#explore-view", "Task", "synthesis")
    second = page.view("explore")
    assert second != first
    page.driver.back()
    page.until("return location.hash === '#explore'")
    assert page.view("explore") == first
    page.driver.forward()
    page.until("return location.hash.includes('synthesis')")
    assert page.view("explore") == second


def test_budgets_that_were_selected_are_shown(page, paths):
    page.open("#explore?budget=selected&method=obj-if")
    scores = read_csv(paths.table("scoreboard"))
    row = scores[(scores["operating_point"] == "selected") & (scores["method"] == "obj-if")].iloc[0]
    assert page.find(".chosen-method h3").text == f"obj-if: {row['outcome']}"
    label = page.find('.point[data-method="obj-if"]').get_attribute("aria-label")
    assert f"forgotten {round(100 * row['forgotten'])} %" in label


def test_a_point_leads_to_requests_and_these_to_images(page, paths):
    page.open("#explore")
    point = page.find('.point[data-method="obj-if"]')
    assert re.match(r"obj-if: forgotten \d+ % \[\d+ %, \d+ %\]; harm", point.get_attribute("aria-label"))
    point.send_keys("\n")  # the keyboard does what a click does
    distances = [
        float(text.replace("−", "-")) for text in page.texts(".chosen-method .requests td:nth-of-type(3)")
    ]
    sod = read_csv(paths.table("sod"))
    sod = sod[(sod["method"] == "obj-if") & (sod["task"] == "reconstruction")]["sod"]
    expected = sorted(sod, key=abs, reverse=True)
    assert distances == pytest.approx(expected, abs=0.06)
    order = page.texts(".chosen-method .requests th[scope=row]")
    page.click(".chosen-method .requests button", order[0])
    page.until("return document.querySelectorAll('#explore-view canvas').length === 10")
    assert page.texts(".tile figcaption")[:4] == ["truth", "original", "retrained", "obj-if"]
    page.find(".detail .controls button").send_keys("\ue014")  # right
    assert f"request={order[1]}" in page.address
    page.find(".detail .controls button").send_keys("\ue012\ue012")  # left, twice: from the first to the last
    assert f"request={order[-1]}" in page.address


def test_images_are_the_models_outputs(page, paths):
    """What a canvas shows is what the record holds, to the grey level."""
    page.open("#explore?method=obj-mk-pa&request=r2&outline=no")
    page.until("return document.querySelectorAll('#explore-view canvas').length === 10")
    data = page.run(
        "const canvas = document.querySelectorAll('#explore-view canvas')[3];"
        "return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    )
    shown = np.array(data, dtype=np.uint8).reshape(32, 32, 4)[..., :3]
    stored = np.load(paths.record("obj-mk-pa", "r2", 1, "outputs.npz"))
    image = stored["reconstruction"][stored["image_ids"].tolist().index(101)]
    assert np.array_equal(shown, image)
    assert page.all("#explore-view .box") == []


def test_compare_says_what_the_table_of_pairs_holds(page, paths, settings):
    table = pairs(Evidence(settings, read_csv(paths.table("metrics")), read_csv(paths.table("queries"))))
    row = (
        table[(table["task"] == "synthesis") & (table["dimension"] == "A2") & (table["a"] == "obj-mk-pa")]
        .set_index("b")
        .loc["obj-if"]
    )
    page.open("#compare?a=obj-mk-pa&b=obj-if&task=synthesis&dimension=A2")
    said = " ".join(page.texts(".said-in-words"))
    numbers = [
        float(text.replace("−", "-")) for text in re.findall(r"[−\d.]+\d", said.split("synthesis: ")[1])
    ]
    assert numbers[:3] == pytest.approx([row["difference"], row["ci_low"], row["ci_high"]], abs=0.06)
    assert f"all {row['comparisons']} pairs of two methods" in said
    assert "obj-mk-pa is certain to be lower" in said
    page.click("#compare-view button", "swap")
    assert page.address.startswith("#compare?b=obj-mk-pa&")  # a is obj-if, as the view opens
    assert "obj-if is certain to be higher" in " ".join(page.texts(".said-in-words"))
    differences = [abs(float(text)) for text in page.texts("#compare-view tbody td:nth-of-type(4)")]
    assert differences == sorted(differences, reverse=True)


def test_the_slider_uncovers_one_image_and_stays_in_the_address(page):
    page.open("#compare?a=obj-mk-pa&b=obj-if&request=r2")
    page.until("return document.querySelector('.slider input')")
    page.run(
        "const slider = document.querySelector('.slider input'); slider.value = 20;"
        "slider.dispatchEvent(new Event('input')); slider.dispatchEvent(new Event('change'));"
    )
    assert "split=20" in page.address
    page.open(page.address)
    page.until("return document.querySelector('.slider input')?.value === '20'")
    assert "80%" in page.find(".slider .upper").get_attribute("style")


def test_the_film_is_led_by_one_slider_and_its_step_is_in_the_address(page, paths):
    page.open("#film?show=r2&outline=no")
    shown = "return document.querySelectorAll('#film-view canvas').length > 5"
    page.until(shown)
    stored = np.load(Path(paths.unlearned("obj-mk-pa", "r2", 1)).with_name("model.snapshots.npz"))
    last = stored["steps"].tolist()[-1]
    assert f"unlearning, step {last}" in page.find("#film-view output").text
    slider = page.find("#film-view input[type=range]")
    slider.send_keys("\ue012\ue012")  # left, twice: the range's own keys
    step = stored["steps"].tolist()[-3]
    assert f"at=unlearning-{step}" in page.address
    assert f"unlearning, step {step}" in page.find("#film-view output").text
    page.open(page.address)  # the link opens exactly that state
    page.until(shown)
    names = page.texts("#film-view figcaption")
    position = next(index for index, name in enumerate(names) if name.startswith("obj-mk-pa"))
    assert names[:2] == ["truth", "retrained"]
    drawn = "const all = [...document.querySelectorAll('#film-view canvas')];"
    drawn += "const canvas = all[arguments[0]]; const context = canvas.getContext('2d');"
    drawn += "return [...context.getImageData(0, 0, canvas.width, canvas.height).data]"
    expected = stored["reconstruction"][-3, 0]

    def pixels():
        data = np.array(page.run(drawn, position), dtype=np.uint8)
        return data.reshape(*expected.shape[:2], 4)[..., :3]

    end = time.monotonic() + 20
    while not np.array_equal(pixels(), expected) and time.monotonic() < end:
        time.sleep(0.05)
    assert np.array_equal(pixels(), expected)
    page.run("document.activeElement.blur()")
    page.find("body").send_keys("\ue014")  # right: wherever the focus is
    assert f"at=unlearning-{stored['steps'].tolist()[-2]}" in page.address
    page.choose("#film-view", "Show", "original model")
    assert "fine-tuning, step" in page.find("#film-view output").text


def test_cost_says_when_retraining_would_have_been_cheaper(page, paths):
    timing = read_csv(paths.table("timing")).set_index("method")
    number = int(timing.loc["obj-mk-pa", "break_even"])
    cell = "return [...document.querySelectorAll('.costs tbody tr')]"
    cell += ".find((row) => row.firstChild.textContent === 'obj-mk-pa').children[arguments[0]].textContent"
    page.open(f"#cost?requests={number - 1}")
    assert page.run(cell, 3) == f"{number} requests"
    assert "dearer" not in page.run(cell, 4)
    page.open(f"#cost?requests={number}")
    assert "dearer" in page.run(cell, 4)
    assert "obj-mk-pa" in page.find("#cost-view .said-in-words").text
    page.run(
        "const field = document.querySelector('#cost-view [type=number]'); field.value = 3;"
        "field.dispatchEvent(new Event('change'))"
    )
    assert page.address == "#cost?requests=3"
    page.click("#cost-view .tools button", "Reset")
    assert page.address == "#cost"


def test_a_table_sorts_filters_hides_and_copies(page, paths):
    page.open("#tables?table=summary&order=up")
    every = read_csv(paths.table("summary"))
    assert page.texts("#grid-summary .note") == [f"50 of {len(every)} rows"]
    select = "const node = document.querySelector(`#grid-summary [aria-label='${arguments[0]}']`);"
    select += "node.value = arguments[1];"
    page.run(select + "node.dispatchEvent(new Event('change'))", "only method", "obj-ng")
    page.run(select + "node.dispatchEvent(new Event('input'))", "filter mean", "> 100")
    page.click("#grid-summary .sort", "mean")
    expected = every[(every["method"] == "obj-ng") & (every["mean"] > 100)].sort_values("mean", kind="stable")
    means = [float(text) for text in page.texts("#grid-summary tbody td:nth-child(5)")]
    assert means == pytest.approx(expected["mean"].tolist(), rel=1e-3)
    address = page.address
    page.run(
        "for (const label of document.querySelectorAll('#grid-summary .columns label'))"
        "if (!['method', 'mean'].includes(label.textContent.trim())) label.firstChild.click()"
    )
    for kind in ("CSV", "Markdown", "LaTeX"):
        page.click("#grid-summary .tools button", f"Copy {kind}")
    csv, markdown, latex = page.until("return window.caught.length === 3 && window.caught")
    assert csv.splitlines()[0] == "method,mean"
    assert len(csv.splitlines()) == 1 + len(expected)
    assert markdown.startswith("| method | mean |\n| --- | --- |\n| obj-ng | ")
    assert latex.startswith("\\begin{tabular}{lr}\n\\toprule\nmethod & mean \\\\\n\\midrule\nobj-ng & ")
    page.open(address)
    assert [float(text) for text in page.texts("#grid-summary tbody td:nth-child(5)")] == means
    page.click("#grid-summary .tools button", "Reset")
    assert page.texts("#grid-summary [aria-sort=ascending]") == []


def test_a_figures_vector_file_is_in_the_page(page, paths, settings):
    name = "tradeoff"
    text = "<svg xmlns='http://www.w3.org/2000/svg'/>"
    Path(paths.figure(name, "svg")).write_text(text, encoding="utf-8")
    written(settings, paths)
    page.open("#figures")
    page.click(f"#figure-{name} button[data-vector]")
    assert page.until("return window.caught[0]") == text
    shown = page.texts(f"#figure-{name} .files a")
    assert shown[0] == "tradeoff.svg"
    assert "scoreboard.csv" in shown


def test_parts_of_claims_link_into_the_views(page):
    page.open("#claims")
    links = page.run(
        "return [...document.querySelectorAll('.parts a')].map((link) => link.getAttribute('href'))"
    )
    assert any(link.startswith("#explore?method=") for link in links)
    assert len(page.all(".forest")) > 30
    page.run("document.querySelector('.parts a[href^=\"#explore\"]').click()")
    method = page.until("return new URLSearchParams(location.hash.split('?')[1]).get('method')")
    page.until(f"return document.querySelector('.chosen-method h3')?.textContent.startsWith('{method}:')")


@pytest.mark.parametrize(
    "address",
    ["#explore?method=obj-if&request=r1", "#compare", "#film?show=r1", "#cost", "#tables", "#claims"],
)
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_the_window(paths, address, width, dark):
    with browser.browser(width, 800, dark) as driver:
        page = Page(driver, paths.page()).open(address)
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_names_are_never_read_as_html(driver, paths, tmp_path, settings):
    """Of categories and titles, and in addresses."""
    copy = ResultPaths(str(tmp_path / "copy"))
    shutil.copytree(paths.root, copy.root)
    for file in (copy.data("requests.csv"), copy.table("memorised")):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        table.assign(category=HOSTILE).to_csv(file, index=False)
    hostile = deepcopy(settings)
    hostile["report"]["title"] = HOSTILE
    written(hostile, copy)
    page = Page(driver, copy.page())
    addresses = ["#explore?method=obj-if&request=r1", "#compare?request=r1", f"#explore?method={HOSTILE}"]
    for address in [*addresses, "#tables?table=memorised&order=up"]:
        page.open(address)
        page.until("return document.querySelectorAll('#compare-view canvas').length > 0")
        assert page.driver.title != "taken"
        assert page.all("img[src=x]") == []
    assert HOSTILE in page.find("h1").text
    assert HOSTILE in "".join(page.texts("#grid-memorised tbody td"))
