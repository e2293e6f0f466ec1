"""The page of a large benchmark: bytes by part, seconds until it is painted, and until each interaction is.

    python benchmarks/page.py [--requests 12] [--methods 25] [--side 64] [--keep FOLDER]

Planted effects and images stand in for trained models (tests/unit), with every figure plotted. The images have noise,
which compresses worse than what models generate. Needs Debian's chromium and chromium-driver, and the test environment.
An interaction is timed from its event until the frame after it was painted, with all images that it shows.
"""

import argparse
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import pandas as pd  # noqa: E402

from soulbench import figures  # noqa: E402
from soulbench.analysis.claims.table import write_claims  # noqa: E402
from soulbench.analysis.tables import write_tables  # noqa: E402
from soulbench.config import sections  # noqa: E402
from soulbench.core.paths import ResultPaths  # noqa: E402
from soulbench.report.page import write_page  # noqa: E402
from tests.unit import browser  # noqa: E402
from tests.unit.images_factory import write_images  # noqa: E402
from tests.unit.records_factory import Factory, config  # noqa: E402
from tests.unit.trainings_factory import write_trainings  # noqa: E402

REFERENCES = ("original", "noop-ft", "retrain", "retrain-sample", "retrain-person")
ROUNDS = 5
#: True when the images of a request's view are there.
IMAGES = "document.querySelectorAll('%s canvas').length >= 10"
AT_ONCE = "true"
#: What a reader does -> the address before it, the script that does it, and what is true when it is shown.
INTERACTIONS = {
    "explore: another task": ("#explore", "choose('#explore-view', 'Task', 'synthesis')", AT_ONCE),
    "explore: paths over budgets": ("#explore", "choose('#explore-view', 'Budget', 'paths')", AT_ONCE),
    "explore: another metric": ("#explore", "choose('#explore-view', 'Metric', 'ssim')", AT_ONCE),
    "explore: a point": (
        "#explore",
        "document.querySelector('.point').dispatchEvent(new Event('click'))",
        AT_ONCE,
    ),
    "explore: a request, with its images": (
        "#explore?method=obj-if",
        "document.querySelector('.chosen-method .requests tbody button').click()",
        IMAGES % ".detail",
    ),
    "explore: the next request": (
        "#explore?method=obj-if&request=r1",
        "[...document.querySelectorAll('.detail .controls button')][1].click()",
        IMAGES % ".detail",
    ),
    "compare: another method": (
        "#compare",
        "choose('#compare-view', 'Method', 'obj-mk-pa')",
        IMAGES % "#compare-view",
    ),
    "film: another request": (
        "#film",
        "choose('#film-view', 'Show', 'r2')",
        "document.querySelector('.film-tiles').dataset.painted?.startsWith('unlearning')",
    ),
    "film: another step": (
        "#film?show=r2",
        "const slider = document.querySelector('#film-view [type=range]'); slider.value = 2;"
        "slider.dispatchEvent(new Event('input'));"
        "const wanted = new URLSearchParams(location.hash.split('?')[1]).get('at')",
        "document.querySelector('.film-tiles').dataset.painted === wanted",
    ),
    "cost: more requests": (
        "#cost",
        "const field = document.querySelector('#cost-view [type=number]'); field.value = 40;"
        "field.dispatchEvent(new Event('change'))",
        AT_ONCE,
    ),
    "compare: the slider": (
        "#compare",
        "const slider = document.querySelector('.slider input'); slider.value = 20;"
        "slider.dispatchEvent(new Event('input'))",
        AT_ONCE,
    ),
    "table: sort": (
        "#tables?table=summary&order=up",
        "document.querySelectorAll('#grid-summary .sort')[4].click()",
        AT_ONCE,
    ),
    "table: filter": (
        "#tables?table=summary&order=up",
        "const field = document.querySelector('#grid-summary [type=search]'); field.value = 'obj';"
        "field.dispatchEvent(new Event('input'))",
        AT_ONCE,
    ),
    "table: open": (
        "#tables",
        "document.querySelector('#grid-contrasts').closest('details').open = true",
        AT_ONCE,
    ),
}
TIMED = """
const done = arguments[arguments.length - 1];
const choose = (host, label, value) => {
  const labels = [...document.querySelectorAll(host + ' label')];
  const select = labels.find((node) => node.firstChild.textContent.trim() === label).querySelector('select');
  select.value = value;
  select.dispatchEvent(new Event('change'));
};
const started = performance.now();
%s;
const shown = () => (%s);
const painted = () => requestAnimationFrame(() => setTimeout(() => done(performance.now() - started), 0));
const wait = () => (shown() ? painted() : setTimeout(wait, 1));
wait();
"""
PAINTED = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def settings_of(requests: int, methods: int) -> dict[str, Any]:
    """Return the demo's configuration with a bank, at another size; the further methods are variants."""
    settings = config(bootstrap=500)
    settings["references"]["bank"] = {"models": 4, "share": 0.5}
    settings["requests"]["development"] = 2
    settings["requests"]["kinds"] = dict.fromkeys(("object", "attached", "person", "group"), requests // 4)
    settings["requests"]["kinds"]["object"] += requests % 4
    own = [name for name in settings["methods"] if name not in REFERENCES]
    for number in range(methods - len(own)):
        base = own[number % len(own)]
        settings["methods"][f"{base}-{number // len(own) + 2}"] = {"variant_of": base}
    return settings


def made(folder: Path, settings: dict[str, Any], side: int) -> ResultPaths:
    """Write results, tables, figures and the page; return their paths."""
    paths = ResultPaths(str(folder))
    Factory(folder, settings).write()
    requests = pd.read_csv(paths.data("requests.csv"))
    kinds = [kind for kind, number in settings["requests"]["kinds"].items() for _ in range(number)]
    requests["kind"] = [*kinds, *requests["kind"][len(kinds) :]]
    requests.to_csv(paths.data("requests.csv"), index=False)
    write_images(folder, settings, side)
    write_trainings(folder, settings)
    write_tables(settings, folder, lambda line: None)
    write_claims(settings, folder, lambda line: None)
    planned = figures.planned(settings)
    for figure in planned:
        part = sections.select(settings, *figure.config_keys)
        stem = Path(paths.figure(figure.name, "png")).with_suffix("")
        stem.parent.mkdir(exist_ok=True)
        figure.plot(part, paths, stem, lambda line: None)
    captions = {figure.name: figure.caption(settings) for figure in planned}
    started = time.perf_counter()
    write_page(settings, paths, captions, "", print)
    print(f"written in {time.perf_counter() - started:.1f} s")
    return paths


def sizes(text: str) -> dict[str, int]:
    """Return the bytes of the page by part."""
    patterns = {
        "measurements": r'id="measurements">[^<]*',
        "images of the views": r"data-pictures=[^<]*",
        "film": r"data-film=[^<]*",
        "figures": r'<img src="data:image/webp[^>]*width=',
        "vector files": r'id="vector-[^<]*',
        "tables": r'</noscript></div>\s*<script type="application/json">[^<]*',
        "photographs": r'class="frame"><img src="[^>]*',
    }
    found = {name: sum(map(len, re.findall(pattern, text))) for name, pattern in patterns.items()}
    return found | {"all": len(text.encode())}


def opened(driver: Any, path: Path, address: str = "") -> float:
    """Open the page and return the milliseconds until its views are there."""
    driver.get("about:blank")
    driver.get(path.as_uri() + address)
    while not driver.execute_script("return document.documentElement.dataset.ready"):
        time.sleep(0.01)
    return float(driver.execute_script("return performance.now()"))


def main() -> None:
    """Print the sizes and times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("requests", 12), ("methods", 25), ("side", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--keep", type=Path, help="where the results stay")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = options.keep or Path(folder)
        page = Path(made(root, settings_of(options.requests, options.methods), options.side).page())
        for name, size in sizes(page.read_text(encoding="utf-8")).items():
            print(f"{name:36} {size / 1e6:7.2f} MB")
        with browser.browser(1280, 900) as driver:
            ready, painted = [], []
            for _ in range(ROUNDS):
                ready.append(opened(driver, page))
                painted.append(driver.execute_script(PAINTED))
            print(f"{'first paint':36} {statistics.median(painted):7.0f} ms")
            print(f"{'views there':36} {statistics.median(ready):7.0f} ms")
            for name, (address, *script) in INTERACTIONS.items():
                times = []
                for _ in range(ROUNDS):
                    opened(driver, page, address)
                    time.sleep(0.3)
                    times.append(driver.execute_async_script(TIMED % (*script,)))
                print(f"{name:36} {statistics.median(times):7.0f} ms   most {max(times):.0f}")


if __name__ == "__main__":
    main()
