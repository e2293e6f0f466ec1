"""Planted results as if made here: with their jobs' provenance, with curves, and with the records of ablations."""

from pathlib import Path

import numpy as np

from soulbench.core.model_record import read_model_record
from soulbench.core.paths import ResultPaths
from soulbench.core.records import file_hash, read_json, versions, write_json
from soulbench.exchange.results import Result, planned
from tests.unit.records_factory import PROVENANCE, Factory, config
from tests.unit.scenes_factory import kinds


def settings(
    name: str = "whole", methods: tuple[str, ...] = ("noop-ft", "retrain", "obj-mk-pa", "obj-if")
) -> dict:
    """Return a configuration of a few methods, two requests and two seeds, without a bank."""
    small = config(name, bootstrap=100)
    small["methods"] = {"original": {}, **{method: {} for method in methods}}
    small["requests"]["kinds"] = kinds(object=2)
    small["references"]["bank"] = None
    small["requests"]["development"] = 0
    small["ablations"] |= {
        "requests": int("obj-if" in methods),
        "seeds": 1,
        "modules": ["graph", "decoder"],
        "alphas": [1.0],
    }
    small["attacks"] = {"compression": {}}
    return small


def write(config: dict, images: bool = False) -> Path:
    """Write the results of a whole benchmark below the current folder; return its folder."""
    root = Path(ResultPaths.of(config).root)
    Factory(root, config).write()
    packed = root / "data" / "packed"
    packed.mkdir()
    np.save(packed / "pixels.npy", np.arange(12, dtype=np.uint8))
    (root / "data" / "human.csv").write_text("image_id,object_id,label,x0,y0,x1,y1,width,split\n")
    for result in planned(config).values():
        _complete(result, root, images)
    return root


def _complete(result: Result, root: Path, images: bool) -> None:
    for name in (*result.tables.values(), *(result.images if images else ())):
        if not (root / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("stage,step\n" if name.endswith(".csv") else f"images of {result.name}")
    path = root / result.name
    known = read_json(path) if path.exists() else {**result.about, **PROVENANCE}
    made = {"source_hash": result.job.source, "parameters": result.job.settings, "versions": versions()}
    if result.is_measured:
        made["digests"] = {name: file_hash(root / path) for name, path in result.tables.items()}
    write_json(path, {**known, **result.about, **made})
    if not result.is_measured:
        read_model_record(path)


def remove(root: Path, *names: str) -> None:
    """Delete all files of results whose names begin so: what another machine is to make."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.relative_to(root).as_posix().startswith(names):
            path.unlink()
