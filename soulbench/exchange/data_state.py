"""What the data of a benchmark are: the digests of all files that jobs read besides models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.core.records import file_hash, read_json

#: Tables of the data stage. They travel, because tables and page are made of them; pixels do not.
TABLES = ("requests.csv", "subset.csv", "human.csv", "summary.json", "vocabulary.json")
#: Keys of the configuration that may name a file with weights.
WEIGHTS = ("evaluation.lpips.weights", "training.perceptual_weights", "generator.visual.weights")
#: Below the data folder of a benchmark that was merged without its data: their digests.
DIGESTS = "digests.json"


def digests(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of each file of the data that is here, by its path below `data/` or its key of weights.

    Where the packed set is not here, the digests are those that a merge left.

    Raises:
        UserError: the data that are here are not those of what was merged.
    """
    folder = Path(ResultPaths.of(config).data())
    files = {name: folder / name for name in TABLES}
    files |= {f"packed/{path.name}": path for path in sorted((folder / "packed").glob("[!.]*"))}
    for key in WEIGHTS:
        value: Any = config
        for part in key.split("."):
            value = value[part]
        files[key] = Path(value or "")
    found = {name: file_hash(path) for name, path in files.items() if path.is_file()}
    merged = read_json(folder / DIGESTS) if (folder / DIGESTS).is_file() else {}
    check(merged, found, folder / DIGESTS)
    return merged | found


def last_change(config: Mapping[str, Any]) -> float:
    """Return when those data were last changed that every evaluation reads, in seconds as of `stat`."""
    folder = Path(ResultPaths.of(config).data())
    files = [folder / name for name in ("requests.csv", "subset.csv", "human.csv", "packed/packed.json")]
    return max((path.stat().st_mtime for path in files if path.is_file()), default=0.0)


def check(found: Mapping[str, str], here: Mapping[str, str], where: Path) -> None:
    """Compare the data of an archive with those here, as far as both have them.

    Raises:
        UserError: a file differs.
    """
    other = [name for name in found.keys() & here.keys() if found[name] != here[name]]
    if other:
        raise UserError(
            f"{where}: made from other data: {', '.join(sorted(other))} differ there from here; records of different "
            "data cannot be compared"
        )
