"""axe-core finds nothing to object to, in any view, in light and dark (node_modules: `npm ci` in this folder)."""

from pathlib import Path

import pytest

from tests.unit import browser
from tests.unit.records_factory import config
from tests.unit.test_report_browser import Page
from tests.unit.test_report_page import page_of

AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
pytestmark = [browser.NEEDED, pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core, from npm")]
ADDRESSES = {
    "the page as it opens": "",
    "explore, with images": "#explore?method=obj-if&request=r1&budget=paths",
    "compare": "#compare?a=obj-mk-pa&b=obj-if",
    "the film": "#film?show=r1&at=unlearning-6",
    "cost": "#cost?requests=40&once=yes",
    "a table": "#tables?table=summary&order=up",
    "everything unfolded": "#claims",
}
RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => done(violations.map((found) =>
  `${found.id}: ${found.help}: ${found.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" | ")}`)));
"""


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return page_of(tmp_path_factory.mktemp("results"), config(bootstrap=100))


# What is narrow does not depend on what is dark: each once is enough, and takes half the time.
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["wide, light", "narrow, dark"])
def test_no_violation(paths, dark, width):
    with browser.browser(width, 900, dark) as driver:
        for view, address in ADDRESSES.items():
            page = Page(driver, paths.page()).open(address)
            if address == "#claims":
                page.run("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
            page.until("return document.querySelectorAll('#compare-view canvas').length > 0")
            page.run(AXE.read_text(encoding="utf-8"))
            assert driver.execute_async_script(RUN) == [], view


def test_axe_would_find_something(paths):
    """A button without a name is found, so that the check is not blind."""
    with browser.browser() as driver:
        page = Page(driver, paths.page()).open()
        page.run("document.querySelector('main').append(document.createElement('button'))")
        page.run(AXE.read_text(encoding="utf-8"))
        assert any(found.startswith("button-name") for found in driver.execute_async_script(RUN))
