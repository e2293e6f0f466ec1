"""Read what the jobs of the planned runs and ablations wrote into tidy frames."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.config.runs import Run, ablation_runs
from soulbench.core.columns import ABLATIONS, RECORDS
from soulbench.core.damage import DamagedFile
from soulbench.core.errors import UserError
from soulbench.core.paths import RECORD_TABLES, ResultPaths
from soulbench.core.records import read_json
from soulbench.core.tables import read_csv

LISTED = 40  # missing files that a message names


def check_records(paths: ResultPaths, runs: Iterable[Run]) -> None:
    """Check that every planned run has its tables.

    Raises:
        UserError: tables are missing; the message lists them.
    """
    planned = (paths.record(*run, f"{name}.csv") for run in runs for name in RECORD_TABLES)
    missing = [path.removeprefix(f"{paths.root}/") for path in planned if not Path(path).is_file()]
    if missing:
        more = f" and {len(missing) - LISTED} more" if len(missing) > LISTED else ""
        raise UserError(
            f"{paths.root}: {len(missing)} planned records are missing, run their jobs first: "
            + ", ".join(missing[:LISTED])
            + more
        )


def gather(paths: ResultPaths, runs: Iterable[Run], name: str) -> pd.DataFrame:
    """Return one table of every run's record as one frame, with method, request and seed in front."""
    frames = []
    for run in runs:
        digest = _digest(paths.record(*run, "record.json"), name)
        frame = read_csv(paths.record(*run, f"{name}.csv"), RECORDS[name], digest=digest)
        for index, (column, value) in enumerate(run._asdict().items()):
            frame.insert(index, column, value)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _digest(path: str, name: str) -> str:
    """Return the digest of a record's table that its record.json holds."""
    try:
        digest: str = read_json(path)["digests"][name]
    except (KeyError, TypeError):
        raise DamagedFile(path, f"it has no digest of {name}.csv") from None
    return digest


def gather_ablation(config: Mapping[str, Any], paths: ResultPaths, name: str) -> pd.DataFrame:
    """Return the rows of one ablation's planned files, with request and seed in front.

    Raises:
        UserError: a planned file is missing.
    """
    frames = []
    for request, seed in ablation_runs(config):
        frame = read_csv(paths.ablation(name, request, seed, "csv"), ABLATIONS[name])
        frame.insert(0, "request", request)
        frame.insert(1, "seed", seed)
        frames.append(frame)
    columns = ["request", "seed", *ABLATIONS[name]]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
