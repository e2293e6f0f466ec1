"""The page: one file that opens from disk, with every picture, table, style and script inside."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from soulbench.analysis import methods as roster
from soulbench.analysis.dimensions import DIMENSIONS
from soulbench.analysis.evidence import OVERSHOT, REMOVED
from soulbench.analysis.gather import read_csv
from soulbench.core import records
from soulbench.core.errors import UserError
from soulbench.core.records import atomic_path
from soulbench.core.terms import TASKS
from soulbench.figures.style import LEVEL_COLOURS, lpips_name
from soulbench.report import headline, photographs
from soulbench.report.captions import caption
from soulbench.report.grids import grids

LIMIT = 15_000_000
FIGURES = {
    "tradeoff": "Forgetting against utility",
    "pictures": "One request, side by side (Fig. 5)",
    "metrics": "Nine metrics, two tasks (Fig. 4)",
    "latent": "Distances in latent space (Fig. 6)",
    "queries": "Leakage queries (Fig. 7)",
    "query_pictures": "Leakage queries in pictures (Fig. 7)",
    "pictures_more": "More requests (Fig. 8)",
    "module_time": "Obj-IF: time by module (Fig. 10)",
    "alpha": "Obj-IF: strength alpha (Fig. 11)",
    "modules": "Obj-IF: which module (Fig. 12)",
    "training": "How the original models learned: losses, learning rate, speed",
    "snapshots": "Learning and unlearning, step by step",
}


def build(config: dict[str, Any], results_dir: Path, out_html: Path, log: Callable[[str], Any]) -> None:
    """Write the page.

    Args:
        config: the whole resolved configuration.
        results_dir: results/<name> with tables, figures, data and records.
        out_html: the file to write.
        log: called with a line of text.

    Raises:
        UserError: a table or caption is missing, or the page would be larger than 15 MB.
    """
    results_dir, out_html = Path(results_dir), Path(out_html)
    environment = Environment(
        loader=PackageLoader("soulbench.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"percent": headline.percent, "cost": headline.cost, "number": number}
    content = _content(config, results_dir)
    text = environment.get_template("page.html.j2").render(content)
    size = len(text.encode())
    if size > LIMIT:
        raise UserError(
            f"{out_html}: {size / 1e6:.1f} MB, the page may have 15; lower report.example_requests"
        )
    with atomic_path(out_html) as part:
        part.write_text(text, encoding="utf-8")
    log(f"page: {size / 1e6:.1f} MB; {len(content['figures'])} figures, {len(content['grids'])} tables")


def _content(config: dict[str, Any], results_dir: Path) -> dict[str, Any]:
    """Return everything that the template names."""
    tables = results_dir / "tables"
    scores, memorised = read_csv(tables / "scoreboard.csv"), read_csv(tables / "memorised.csv")
    requests = read_csv(results_dir / "data" / "requests.csv")
    return {
        "config": config,
        "tasks": TASKS,
        "sentences": headline.sentences(config, scores),
        "board": headline.board(config, scores),
        "scores": {task: _scores(config, scores, task) for task in TASKS},
        "middle": (REMOVED, OVERSHOT),
        "claims": read_csv(tables / "claims.csv").to_dict("records"),
        "memorised": _memorised(memorised),
        "figures": _figures(config, results_dir),
        "grids": grids(tables),
        "requests": requests.to_dict("records"),
        "counts": photographs.counts(results_dir / "data"),
        "photographs": photographs.contact_sheet(results_dir / "data"),
        "provenance": provenance(config, results_dir),
        "dimensions": DIMENSIONS.values(),
        "lpips": lpips_name(config),
        "colours": LEVEL_COLOURS,
    }


def number(value: Any, digits: int = 1) -> str:
    """Return a number with so many decimals, a dash for none, a real minus sign."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "–"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: no minus zero


def _scores(config: dict[str, Any], scores: pd.DataFrame, task: str) -> list[dict[str, Any]]:
    """Return the scoreboard's rows of a task, references first, with the outcome's symbol and tone."""
    own: dict[Any, Any] = scores[scores["task"] == task].set_index("method").to_dict("index")
    rows = []
    for method in roster.ordered(config, own):
        symbol, tone, _ = headline.OUTCOMES[own[method]["outcome"]]
        rows.append({**own[method], "method": method, "symbol": symbol, "tone": tone})
    return rows


def _memorised(table: pd.DataFrame) -> dict[str, Any]:
    """Return by task how many requests were (clearly) memorised, and the requests that were not."""
    by_task = {
        task: {"all": len(own), "some": int(own["memorised"].sum()), "clearly": int(own["clearly"].sum())}
        for task in TASKS
        if len(own := table[table["task"] == task])
    }
    return {"tasks": by_task, "doubtful": table[~table["clearly"].astype(bool)].to_dict("records")}


def _figures(config: dict[str, Any], results_dir: Path) -> list[dict[str, Any]]:
    """Return the figures that were drawn; an ablation that is switched off has none."""
    made = []
    for name, title in FIGURES.items():
        path = results_dir / "figures" / f"{name}.png"
        if path.is_file():
            uri = photographs.data_uri(path.read_bytes(), "image/png")
            made.append({"name": name, "title": title, "uri": uri, "caption": caption(name, config)})
    return made


def provenance(config: dict[str, Any], results_dir: Path) -> dict[str, Any]:
    """Return what the numbers came from: devices and commits of the records, and this program's own facts."""
    found: dict[str, set[str]] = {"device": set(), "commit": set()}
    for pattern in ("records/*/*/*/record.json", "unlearned/*/*/*/model.json"):
        for path in sorted(results_dir.glob(pattern)):
            record = records.read_json(path)
            for key, values in found.items():
                if record.get(key):
                    values.add(str(record[key]))
    return {
        "devices": sorted(found["device"]) or [config["device"]],
        "commits": sorted(found["commit"]) or [records.commit() or "not in a git checkout"],
        "lock": records.lock_hash() or "no lock file",
        "versions": records.versions(),
        "config": yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
    }
