"""The tables: every record of the plan in, tidy CSV files out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.analysis import methods as roster
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.gather import Cell, ablation, check_records, gather, read_csv
from soulbench.analysis.references import costs, distances_to_retraining, jobs, memorised
from soulbench.analysis.scoreboard import scoreboard
from soulbench.analysis.summary import contrasts, summarise
from soulbench.core.records import atomic_path

Log = Callable[[str], Any]


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table whole or not at all, with so many digits that equal numbers are equal text."""
    with atomic_path(path) as part:
        frame.to_csv(part, index=False, float_format="%.10g", lineterminator="\n")


def write_tables(
    config: dict[str, Any], results_dir: Path, cells: Sequence[Cell], out_dir: Path, log: Log
) -> None:
    """Gather the planned records into the tables (docs/metrics.md says what is in each).

    Args:
        config: the whole resolved configuration.
        results_dir: results/<name>.
        cells: the plan: mappings with method, request and seed.
        out_dir: where the CSV files go.
        log: called with a line of text.

    Raises:
        UserError: a planned record is missing (all of them are listed).
    """
    results_dir, out_dir = Path(results_dir), Path(out_dir)
    cells = _in_order(config, cells)
    check_records(results_dir, cells)
    metrics, latent, queries = (
        gather(results_dir, cells, f"{name}.csv") for name in ("metrics", "latent", "queries")
    )
    log(f"{len(cells)} records: {len(metrics)} metrics, {len(latent)} distances, {len(queries)} queries")
    evidence = Evidence(config, metrics, queries)
    made = jobs(config, results_dir, cells)
    price = costs(made)
    tables = {
        "metrics": metrics,
        "latent": latent,
        "queries": queries,
        "timing_jobs": made,
        "timing": price,
        "ablation_modules": ablation(config, results_dir, "modules"),
        "ablation_alpha": ablation(config, results_dir, "alpha"),
        "summary": summarise(evidence),
        "contrasts": contrasts(evidence),
        "sod": distances_to_retraining(evidence),
        "memorised": memorised(evidence, read_csv(results_dir / "data" / "requests.csv")),
        "scoreboard": scoreboard(evidence, price),
    }
    for name, table in tables.items():
        write_csv(table, out_dir / f"{name}.csv")
        log(f"{name}.csv: {len(table)} rows")


def _in_order(config: dict[str, Any], cells: Sequence[Cell]) -> list[Cell]:
    """Sort by method, so that the tables do not depend on the order of the plan.

    Requests and seeds keep theirs.
    """
    order = {
        method: place
        for place, method in enumerate(roster.ordered(config, {cell["method"] for cell in cells}))
    }
    return sorted(cells, key=lambda cell: order[cell["method"]])
