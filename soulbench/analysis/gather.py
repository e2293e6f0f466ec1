"""Read what the jobs wrote, one folder a cell, into tidy frames.

A missing cell stops everything and is named.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from soulbench.config.runs import ablation_runs
from soulbench.core.errors import UserError
from soulbench.core.records import read_json
from soulbench.core.terms import ALL_REQUESTS

Cell = Mapping[str, Any]
RECORD_FILES = ("metrics.csv", "latent.csv", "queries.csv")
LISTED = 40
_EFFECT = ["task", "dimension", "metric", "value"]
ABLATION_COLUMNS = {
    "modules": ["request", "seed", "module", "parameters", "seconds", "residual", *_EFFECT],
    "alpha": ["request", "seed", "alpha", *_EFFECT],
}


def record_folder(results_dir: Path, cell: Cell) -> Path:
    """Return the folder of a cell's record."""
    return results_dir / "records" / cell["method"] / cell["request"] / f"seed{cell['seed']}"


def check_records(results_dir: Path, cells: Iterable[Cell]) -> None:
    """Raise a UserError that lists every file that a planned cell lacks."""
    missing = [
        str(path.relative_to(results_dir))
        for cell in cells
        for name in RECORD_FILES
        if not (path := record_folder(results_dir, cell) / name).is_file()
    ]
    if missing:
        more = f" and {len(missing) - LISTED} more" if len(missing) > LISTED else ""
        raise UserError(
            f"{results_dir}: {len(missing)} planned records are missing, run their jobs first: "
            + ", ".join(missing[:LISTED])
            + more
        )


def gather(results_dir: Path, cells: Iterable[Cell], name: str) -> pd.DataFrame:
    """Return one file of every cell's record as one frame, with method, request and seed in front."""
    frames = []
    for cell in cells:
        frame = read_csv(record_folder(results_dir, cell) / name)
        for place, axis in enumerate(("method", "request", "seed")):
            frame.insert(place, axis, cell[axis])
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV table.

    Raises:
        UserError: the file is absent, empty or no table.
    """
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such table; run the rule that writes it") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no table ({error}); delete it and run its rule again") from None


def ablation(config: dict[str, Any], results_dir: Path, name: str) -> pd.DataFrame:
    """Return the rows of one ablation's planned files, with request and seed in front.

    Raises:
        UserError: a planned file is missing.
    """
    frames = []
    for request, seed in ablation_runs(config):
        frame = read_csv(results_dir / "ablations" / name / request / f"seed{seed}.csv")
        frame.insert(0, "request", request)
        frame.insert(1, "seed", seed)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=ABLATION_COLUMNS[name])


def model_record(results_dir: Path, cell: Cell) -> dict[str, Any]:
    """Return what the job that made a cell's model wrote about it; an `original` was made by two jobs."""
    seed = f"seed{cell['seed']}"
    if cell["method"] == "original":
        return read_json(results_dir / "models" / "original" / f"{seed}.json")
    folder = results_dir / "unlearned" / cell["method"]
    own = folder / cell["request"] / seed / "model.json"
    return read_json(own if own.is_file() else folder / ALL_REQUESTS / seed / "model.json")
