"""The page: one file that opens from disk, with every figure, table, style and script inside."""

import platform
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from soulbench import figures
from soulbench.analysis.dimensions import DIMENSIONS
from soulbench.config import runs
from soulbench.core import records
from soulbench.core.arithmetic import X86
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths, beside
from soulbench.core.records import atomic_path
from soulbench.core.tables import read_csv
from soulbench.core.terms import AS_DESCRIBED, SELECTED, TASKS, TEST
from soulbench.report import film, headline, letters, photographs, pictures
from soulbench.report.claims import claims
from soulbench.report.compact import compact_json
from soulbench.report.costs import cost_view
from soulbench.report.figure_files import shown
from soulbench.report.grids import grids
from soulbench.report.measurements import measurements
from soulbench.report.scores import score_rows, shown_beside, with_measured_beside

LIMIT = 15_000_000  # bytes
MARGIN = 20_000  # bytes: what stands around the images in the page
#: The files of the page's script, in the order in which they need each other.
SCRIPTS = (
    *("dom", "order", "address", "model", "chart", "plane", "sprites", "tiles"),
    *("explore", "compare", "film", "cost", "tables", "figures", "main"),
)
STYLES = ("page", "views")
#: The sections of the page in their order, and their headings in its menu. Each has a template of its name.
SECTIONS = {
    "answer": "Answer",
    "explore": "Explore",
    "compare": "Compare",
    "claims": "Claims",
    "attacks": "Attacks",
    "film": "Film",
    "cost": "Cost",
    "figures": "Figures",
    "tables": "Tables",
    "data": "Data",
    "provenance": "Provenance",
}
DIGITS_OF_MEASUREMENTS = 6  # their differences are shown, too
NO_PICTURES: dict[str, Any] = {"facts": "{}", "sprites": []}
#: Of the space for images, at least this share is the film's, if it needs it.
SHARE_OF_FILM = 0.25


def write_page(
    config: dict[str, Any],
    paths: ResultPaths,
    captions: Mapping[str, str],
    configuration: str,
    log: Callable[[str], Any],
) -> None:
    """Write the page.

    Args:
        config: the sections of the configuration that the page reads.
        paths: of the tables, figures, data and records that the page shows, and of the page itself.
        captions: of each figure, by name: reStructuredText.
        configuration: the whole configuration as YAML, to be shown.
        log: called with a line of text.

    Raises:
        UserError: a table or figure is missing, or the page would be larger than 15 MB.
    """
    environment = Environment(
        loader=PackageLoader("soulbench.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "percent": headline.percent,
        "cost": headline.cost,
        "number": number,
        "counted": figures.counted,
    }
    content = _content(config, paths, captions) | {"configuration": configuration}
    content |= {"pictures": NO_PICTURES, "film": NO_PICTURES}
    template = environment.get_template("page.html.j2")
    allowed = LIMIT - len(template.render(content).encode()) - MARGIN
    content |= embedded(config, paths, allowed)
    text = template.render(content)
    size = len(text.encode())
    if size > LIMIT:
        raise UserError(
            f"{paths.page()}: {size / 1e6:.1f} MB, at most 15 are allowed; lower report.example_requests"
        )
    with atomic_path(paths.page()) as part:
        part.write_text(text, encoding="utf-8")
    log(f"page: {size / 1e6:.1f} MB; {len(content['figures'])} figures, {len(content['grids'])} tables")


def _content(config: dict[str, Any], paths: ResultPaths, captions: Mapping[str, str]) -> dict[str, Any]:
    """Return every variable of the template."""
    costs = read_csv(paths.table("timing"))[["method", "seconds", "ratio_to_retrain"]]
    points = read_csv(paths.table("scoreboard"))
    scores = points[points["operating_point"] == AS_DESCRIBED].merge(costs, on="method", how="left")
    scores = with_measured_beside(scores, paths)
    # What a method costs at another budget than described is not measured.
    selected = points[points["operating_point"] == SELECTED].assign(ratio_to_retrain=np.nan)
    judged = claims(config, paths)
    memorised = read_csv(paths.table("memorised"))
    requests = read_csv(paths.data("requests.csv"))
    requests = requests[requests["set"] == TEST]
    data = Path(paths.data())
    return {
        "config": config,
        "tasks": TASKS,
        "sections": SECTIONS,
        "sentences": headline.sentences(config, scores),
        "outcomes": headline.outcomes(config, scores),
        "selected": {
            "sentences": headline.sentences(config, selected),
            "outcomes": headline.outcomes(config, selected),
        }
        if len(selected)
        else None,
        "scores": {task: score_rows(config, scores, task) for task in TASKS},
        "beside": {task: shown_beside(scores, task) for task in TASKS},
        "claims": judged,
        "letters": letters.letters(config, paths),
        "leak_order": letters.leak_order(config, paths),
        "attack_figures": letters.FIGURES,
        "operating_points": len({claim["operating_point"] for claim in judged}) > 1,
        "axes": figures.axes_of_intervals(config),
        "memorised": _memorised(memorised),
        "figures": [
            shown(config, paths, figure, captions[figure.name]) for figure in figures.planned(config)
        ],
        "grids": grids(Path(paths.table())),
        "requests": requests["request"].unique(),
        "kinds": kinds(requests),
        "counts": photographs.counts(data),
        "photographs": photographs.contact_sheet(data),
        "provenance": provenance(config, paths),
        "dimensions": DIMENSIONS.values(),
        "lpips": figures.lpips_name(config),
        "colours": figures.LEVEL_COLOURS,
        "styles": _assets("styles", STYLES, "css"),
        "scripts": _assets("scripts", SCRIPTS, "js"),
        "costs": compact_json(cost_view(config, paths)),
        "measurements": compact_json(measurements(config, paths), DIGITS_OF_MEASUREMENTS),
    }


def _assets(folder: str, names: tuple[str, ...], suffix: str) -> Markup:
    """Return the files of a folder of this package as one text."""
    at = resources.files("soulbench.report") / folder
    return Markup("\n".join((at / f"{name}.{suffix}").read_text(encoding="utf-8") for name in names))


def embedded(config: dict[str, Any], paths: ResultPaths, allowed: int) -> dict[str, Any]:
    """Return the images of the requests and the film as the templates take them, in at most so many bytes."""
    of_requests, of_films = list(pictures.sprites(config, paths)), list(film.films(config, paths))
    least = pictures.fitted(of_films, int(SHARE_OF_FILM * allowed), film.FORMS[-1:])["bytes"]
    shown = pictures.fitted(of_requests, allowed - least)
    filmed = pictures.fitted(of_films, allowed - shown["bytes"], film.FORMS)
    return {
        name: {
            "facts": compact_json({key: found[key] for key in ("words", "missing")}),
            "sprites": found["sprites"],
        }
        for name, found in (("pictures", shown), ("film", filmed))
    }


#: Kind of a request -> what it asks for, of which the page says the number.
KINDS_IN_WORDS = {
    "object": "one person in one image",
    "attached": "a person and what goes along",
    "person": "a person in every image",
    "group": "one of several people in an image",
}


def kinds(requests: pd.DataFrame) -> str:
    """Return how many requests ask for what."""
    counts = requests.drop_duplicates("request")["kind"].value_counts()
    return ", ".join(
        f"{counts[kind]} for {words}" for kind, words in KINDS_IN_WORDS.items() if kind in counts
    )


def number(value: Any, digits: int = 1) -> str:
    """Return a number with so many decimals and a real minus sign; a dash if there is no number."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "–"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: never minus zero


def _memorised(table: pd.DataFrame) -> dict[str, Any]:
    """Return by task how many requests were (clearly) memorised, and the requests that were not clearly."""
    by_task = {
        task: {"all": len(rows), "some": int(rows["memorised"].sum()), "clearly": int(rows["clearly"].sum())}
        for task in TASKS
        if len(rows := table[table["task"] == task])
    }
    return {"tasks": by_task, "doubtful": table[~table["clearly"]].to_dict("records")}


def _device(record: Mapping[str, Any]) -> str:
    """Return what a model or record was computed on, and by which arithmetic other than the native one.

    A record holds the arithmetic that was configured (`config.jobs`); nothing but an x86 processor can follow that.
    """
    device: str = record["device"]
    configured = record["parameters"].get("arithmetic")
    followed = configured is not None and device.startswith(tuple(f"cpu: {machine}" for machine in X86))
    return f"{device}, {configured} arithmetic" if followed else device


def provenance(config: dict[str, Any], paths: ResultPaths) -> dict[str, Any]:
    """Return where the numbers come from: devices and commits of the planned runs, and this program's versions."""
    planned = runs.planned(config)
    files = [paths.record(*run, "record.json") for run in planned]
    files += [beside(runs.checkpoint(config, *run, paths), "json") for run in planned]
    contents = [records.read_json(path) for path in dict.fromkeys(files)]
    devices = sorted({_device(content) for content in contents if content.get("device")})
    commits = sorted({str(content["commit"]) for content in contents if content.get("commit")})
    return {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "devices": devices or [config["device"]],
        "commits": commits or [records.commit() or "not in a git checkout"],
        "lock": records.lock_hash() or "no lock file",
        "versions": records.versions(),
    }
