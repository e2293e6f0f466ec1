"""The tables: the records of all planned runs in, tidy CSV files out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.analysis import methods
from soulbench.analysis.attacks import attack_rows, leaks
from soulbench.analysis.costs import costs, training_runs
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.gather import check_records, gather, gather_ablation
from soulbench.analysis.identity import identity_table
from soulbench.analysis.letters import letters
from soulbench.analysis.operating import evidence_at, excess_by_budget, select
from soulbench.analysis.paths import budget_paths
from soulbench.analysis.references import bank_against_exact, distances_to_retraining, memorised
from soulbench.analysis.scoreboard import scoreboard
from soulbench.analysis.summary import contrasts, summarise
from soulbench.analysis.update_leak import leak_table
from soulbench.config import runs
from soulbench.core.columns import TABLES
from soulbench.core.paths import RECORD_TABLES, ResultPaths
from soulbench.core.tables import RESULT_FORMAT, read_csv, write_csv
from soulbench.core.terms import AS_DESCRIBED

Log = Callable[[str], Any]


def write_tables(config: dict[str, Any], results_dir: str | Path, log: Log) -> None:
    """Gather the records of the planned runs into the tables (docs/metrics.md says what is in each).

    Args:
        config: the resolved configuration.
        results_dir: results/<name>.
        log: called with a line of text.

    Raises:
        UserError: planned records are missing; the message lists them.
    """
    paths, planned = ResultPaths(str(results_dir)), _planned(config)
    check_records(paths, planned)
    records = {name: gather(paths, planned, name) for name in RECORD_TABLES}
    metrics, latent, queries = (records[name] for name in ("metrics", "latent", "queries"))
    log(f"{len(planned)} records: {len(metrics)} metrics, {len(latent)} distances, {len(queries)} queries")
    development, selected = _selection(config, paths)
    points = evidence_at(config, metrics, queries, records["budgets"], selected)
    evidence = points[AS_DESCRIBED]
    timing_jobs = training_runs(config, paths, planned)
    redactions = gather_ablation(config, paths, "modules")
    attacks, board = attack_rows(config, paths, metrics, queries), scoreboard(points)
    leaked = leaks(evidence, attacks)
    tables = {
        **records,
        "attacks": attacks,
        "leaks": leaked,
        "letters": letters(config, board, leaked),
        "timing_jobs": timing_jobs,
        "timing": costs(timing_jobs),
        "timing_modules": redactions[list(TABLES["timing_modules"])].drop_duplicates(),
        "ablation_modules": redactions[list(TABLES["ablation_modules"])],
        "ablation_alpha": gather_ablation(config, paths, "alpha"),
        "summary": summarise(evidence),
        "contrasts": contrasts(evidence),
        "bank": bank_against_exact(evidence),
        "sod": distances_to_retraining(evidence),
        "memorised": memorised(evidence, read_csv(paths.data("requests.csv"))),
        "scoreboard": board,
        "identity": identity_table(evidence),
        "update_leak": leak_table(evidence),
        "development": development,
        "selected": selected,
        "paths": budget_paths(evidence, records["budgets"], selected),
    }
    for name, table in tables.items():
        write_csv(table, paths.table(name), RESULT_FORMAT)
        log(f"{name}.csv: {len(table)} rows")


def _selection(config: dict[str, Any], paths: ResultPaths) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return development.csv and selected.csv, which nothing but the records of development requests enters."""
    planned = runs.development(config)
    if not planned:
        empty = (pd.DataFrame(columns=list(TABLES[name])) for name in ("development", "selected"))
        return next(empty), next(empty)
    check_records(paths, planned)
    metrics, queries, budgets = (gather(paths, planned, name) for name in ("metrics", "queries", "budgets"))
    development = excess_by_budget(Evidence(config, metrics, queries), budgets)
    return development, select(config, development)


def _planned(config: dict[str, Any]) -> list[runs.Run]:
    """Return the planned runs in the tables' order of methods; requests and seeds keep theirs."""
    planned = runs.planned(config)
    order = methods.ordered(config, {run.method for run in planned})
    return sorted(planned, key=lambda run: order.index(run.method))
