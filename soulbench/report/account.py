"""The account of a run: one Markdown page with its claims, verdicts and references, written from the tables.

Beside the page lie the tables as compressed CSV (`soulbench.exchange.published`) and a few figures at small size.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from soulbench import figures
from soulbench.analysis.arrays import natural_order
from soulbench.analysis.bootstrap import FEWEST_COLUMNS
from soulbench.analysis.claims.parts import BY_CONSTRUCTION, CONTRADICTED, SUPPORTED, UNDECIDED, short
from soulbench.analysis.methods import ordered, unlearners
from soulbench.config import attacks, runs
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.core.records import atomic_path
from soulbench.core.tables import read_csv
from soulbench.core.terms import AS_DESCRIBED, TASKS, TEST
from soulbench.report import headline, letters
from soulbench.report.page import kinds, number, provenance

#: Figures that the page shows: they hold no photographs.
SHOWN = ("tradeoff", "budgets", "metrics", "identity", "attacks", "forgets_leaks")
WIDTH, COLOURS = 900, 128  # pixels and colours of a small figure
#: Verdict -> heading, in the order in which they are told.
HEADINGS = {
    SUPPORTED: "What of the paper holds here",
    CONTRADICTED: "What does not hold, and why",
    BY_CONSTRUCTION: "What the configuration decides",
    UNDECIDED: "What stays undecided, and what it would take",
}


def write_account(
    config: dict[str, Any], paths: ResultPaths, out: Path, overlays: Sequence[str]
) -> Iterator[str]:
    """Write the page and its small figures; yield the path and size of each.

    Args:
        config: the whole configuration of the run.
        paths: of the run.
        out: the folder of the published tables; the page is `<out>.md` beside it.
        overlays: the files of `--configfile`, which the page repeats.

    Raises:
        UserError: a table or record is missing.
    """
    environment = Environment(
        loader=PackageLoader("soulbench.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": headline.percent,
        "cost": headline.cost,
        "number": number,
        "short": short,
        "cell": _cell,
    }
    shown = [figure for figure in figures.planned(config) if figure.name in SHOWN]
    laid_over = f" --configfile {' '.join(overlays)}" if overlays else ""
    files = {figure.name: Path(paths.figure(figure.name, "png")) for figure in shown}
    if missing := [name for name, path in files.items() if not path.is_file()]:
        raise UserError(
            f"{files[missing[0]]}: there is no such figure; run "
            f"snakemake --cores 1{laid_over} -- {' '.join(f'figure_{name}' for name in missing)}"
        )
    for path in files.values():
        small = _small(path.read_bytes())
        with atomic_path(out / path.name) as part:
            part.write_bytes(small)
        yield f"{out / path.name}: {len(small):,} bytes"
    content = account(config, paths) | {
        "figures": [(figure.title, f"{out.name}/{figure.name}.png") for figure in shown],
        "folder": out.name,
        "overlays": laid_over,
    }
    text = environment.get_template("account.md.j2").render(content)
    page = out.with_suffix(".md")
    with atomic_path(page) as part:
        part.write_text(text, encoding="utf-8")
    yield f"{page}: {len(text.encode()):,} bytes"


def account(config: dict[str, Any], paths: ResultPaths) -> dict[str, Any]:
    """Return what the page says, from the tables alone.

    Args:
        config: the whole configuration of the run.
        paths: of the run.

    Raises:
        UserError: a table or record is missing.
    """
    costs = read_csv(paths.table("timing"))[["method", "seconds", "ratio_to_retrain"]]
    scores = read_csv(paths.table("scoreboard")).merge(costs, on="method", how="left")
    # What a method costs at another budget than described is not measured.
    scores.loc[scores["operating_point"] != AS_DESCRIBED, "ratio_to_retrain"] = np.nan
    claims, parts = (
        pd.concat([read_csv(paths.table(name)) for name in (table, f"timing_{table}")])
        for table in ("claims", "claim_parts")
    )
    requests = read_csv(paths.data("requests.csv"))
    jobs = read_csv(paths.table("timing_jobs"))
    memorised = read_csv(paths.table("memorised"))
    points = list(dict.fromkeys(scores["operating_point"]))
    methods = unlearners(config, scores["method"])
    return {
        "config": config,
        "tasks": TASKS,
        "points": points,
        "kinds": kinds(requests[requests["set"] == TEST]),
        "requests": runs.request_ids(config),
        **_individuals(requests),
        # Others read the page: it does not say where a file lies.
        "lpips_weights": Path(config["evaluation"]["lpips"]["weights"]).name,
        "attacks": [_attack(config, name) for name in attacks.names(config)],
        "limited": any(config["attacks"][name].get("methods") for name in attacks.names(config)),
        "fewest_seeds": FEWEST_COLUMNS,
        "development": runs.development_ids(config),
        "bank": len(runs.bank_models(config)),
        "methods": methods,
        "references": [name for name in ordered(config, scores["method"]) if name not in methods],
        "for_these_seeds": _for_these_seeds(scores, methods, parts),
        "fewer": {
            "requests": _fewer({name: _tested(config, name) for name in methods}, runs.request_ids(config)),
            "seeds": _fewer({name: runs.seeds_of(config, name) for name in methods}, config["seeds"]),
        },
        "provenance": provenance(config, paths),
        "hours": jobs["seconds"].sum() / 3600,
        "models": len(jobs),
        "memorised": {
            task: (int(rows["clearly"].sum()), len(rows))
            for task, rows in memorised.groupby("task", sort=False)
        },
        "sentences": {
            point: headline.sentences(config, scores[scores["operating_point"] == point]) for point in points
        },
        "scores": {
            (point, task): rows.set_index("method").to_dict("index")
            for (point, task), rows in scores.groupby(["operating_point", "task"], sort=False)
        },
        "claims": _claims(claims),
        "told": _told(claims),
        "exact": _bank_against_exact(read_csv(paths.table("bank"))),
        "letters": letters.letters(config, paths),
        "leak_order": letters.leak_order(config, paths),
        "selected": read_csv(paths.table("selected")).to_dict("records"),
    }


def _attack(config: Mapping[str, Any], name: str) -> str:
    """Return an attack with what its entry limits it to: methods, requests, seeds."""
    entry = config["attacks"][name]
    limits = [", ".join(entry["methods"])] if entry.get("methods") else []
    every = {"requests": runs.request_ids(config), "seeds": config["seeds"]}
    limits += [
        f"{entry[what]} {what.removesuffix('s') if entry[what] == 1 else what}"
        for what, all_of_them in every.items()
        if (entry.get(what) or len(all_of_them)) < len(all_of_them)
    ]
    return f"{name} ({'; '.join(limits)})" if limits else name


def _tested(config: Mapping[str, Any], method: str) -> list[str]:
    """Return the test requests of a method."""
    return [one for one in runs.requests_of(config, method) if one in runs.request_ids(config)]


def _fewer(of_methods: Mapping[str, Sequence[Any]], every: Sequence[Any]) -> dict[str, int]:
    """Return the number of those methods that have fewer than all."""
    return {name: len(own) for name, own in of_methods.items() if len(own) < len(every)}


def _for_these_seeds(
    scores: pd.DataFrame, methods: Sequence[str], parts: pd.DataFrame
) -> dict[str, list[str]]:
    """Return the methods, and the claims, of which intervals are over requests alone: there are too few seeds."""
    few = scores[(scores["n_seeds"] < FEWEST_COLUMNS) & (scores["n_seeds"] > 0)]["method"]
    tested = parts[parts["p"].notna() & (parts["n_seeds"] < FEWEST_COLUMNS)]
    return {
        "methods": [name for name in methods if name in set(few)],
        "claims": sorted(set(tested["claim"]), key=natural_order),
    }


def _individuals(requests: pd.DataFrame) -> dict[str, int]:
    """Return how many known people the test requests show, 0 if each shows another; and how many show nobody known."""
    primary = requests[requests["set"] == TEST].drop_duplicates("request")["individual"].fillna("")
    known = primary[primary != ""]
    people = int(known.nunique())
    return {"individuals": people if people < len(known) else 0, "unknown": len(primary) - len(known)}


def _claims(claims: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the claims in order, each with its row at every operating point."""
    rows = []
    for claim in sorted(claims["claim"].unique(), key=natural_order):
        of_claim = claims[claims["claim"] == claim]
        points: Mapping[Any, Any] = of_claim.set_index("operating_point").to_dict("index")
        rows.append({"claim": claim, "statement": of_claim["statement"].iloc[0], "points": points})
    return rows


def _told(claims: pd.DataFrame) -> list[tuple[str, list[dict[Any, Any]]]]:
    """Return, for each heading, the claims with that verdict."""
    in_order = claims.sort_values("claim", key=lambda ids: ids.map(natural_order), kind="stable")
    return [
        (heading, in_order[in_order["verdict"] == verdict].to_dict("records"))
        for verdict, heading in HEADINGS.items()
    ]


def _bank_against_exact(bank: pd.DataFrame) -> list[dict[str, Any]]:
    """Return, by task and dimension, how far the bank is from exact models, and in how many requests within noise."""
    return [
        {
            "task": task,
            "dimension": dimension,
            "difference": rows["difference"].mean(),
            "largest": rows["difference"].abs().max(),
            "noise": (rows["ci_high"] - rows["ci_low"]).mean() / 2,
            "within": int(rows["within"].sum()),
            "requests": len(rows),
        }
        for (task, dimension), rows in bank.groupby(["task", "dimension"], sort=False)
    ]


def _cell(text: Any) -> str:
    """Return text as the cell of a Markdown table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def _small(png: bytes) -> bytes:
    """Return a figure with `WIDTH` pixels and `COLOURS` colours at most."""
    with Image.open(io.BytesIO(png)) as image:
        width = min(WIDTH, image.width)
        resized = image.convert("RGB").resize(
            (width, round(image.height * width / image.width)), Image.Resampling.LANCZOS
        )
    out = io.BytesIO()
    # The default takes its colours from where most pixels are, and paints thin green lines blue.
    resized.quantize(COLOURS, Image.Quantize.FASTOCTREE).save(out, "png", optimize=True)
    return out.getvalue()
