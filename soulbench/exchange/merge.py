"""Take in the archives of other machines: what was made by the same code from the same data with the same settings."""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.core.records import explained_writing, write_json
from soulbench.exchange import data_state
from soulbench.exchange.archive import Archive, open_archive
from soulbench.exchange.export import finished, listed
from soulbench.exchange.provenance import conflict, problems
from soulbench.exchange.results import Result, planned


def merge(config: Mapping[str, Any], archives: Sequence[Path]) -> Iterator[str]:
    """Take in archives one after the other; yield what was done.

    Args:
        config: the resolved configuration, which names the folder that takes them in.
        archives: written by `soulbench.exchange.export`.

    Raises:
        UserError: an archive is damaged, of other data, or holds a result that is here with another content: nothing
            of it is taken in. Or results of archives were refused, after all others were taken in.
    """
    results, refused = planned(config), 0
    root = Path(ResultPaths.of(config).root)
    with explained_writing(root / "data"):
        root.mkdir(parents=True, exist_ok=True)
    for path in archives:
        with open_archive(path) as archive:
            counts, reasons = _merge_one(config, archive, results, root)
        yield from listed("refused", reasons)
        yield f"{path}: {counts[0]} results taken in, {counts[1]} were here, {len(reasons)} refused"
        refused += len(reasons)
    measured = [result for result in results.values() if result.is_measured]
    here = sum(_is_here(result, root) for result in measured)
    yield f"{root}: {here} of {len(measured)} records, ablations and attacks are here"
    if refused:
        raise UserError(f"{refused} results were refused; all others were taken in")


def _merge_one(
    config: Mapping[str, Any], archive: Archive, results: Mapping[str, Result], root: Path
) -> tuple[tuple[int, int], dict[str, str]]:
    """Take in one archive; return how many results are new and how many were here, and why others were refused."""
    held = archive.manifest.files
    tables = {name: held[f"data/{name}"] for name in data_state.TABLES if f"data/{name}" in held}
    data_state.check({**archive.manifest.data, **tables}, data_state.digests(config), archive.path)
    planned_files = [
        *(file for result in results.values() for file in (*result.files, *result.images) if file in held),
        *map("data/{}".format, tables),
    ]
    foreign = {str(Path(name).parent) for name in held.keys() - {*planned_files}}
    with explained_writing(root / "data"), tempfile.TemporaryDirectory(dir=root, prefix=".merge-") as folder:
        there = Path(folder)
        archive.unpack(planned_files, there)
        sound, reasons = finished(results, there)
        reasons |= dict.fromkeys(sorted(foreign), "not planned by the configuration here")
        known = {name for name, result in sound.items() if _is_here(result, root)}
        for name, result in sound.items():
            if name in known:
                _check_equal(result, root, there, archive.path)
        now = time.time_ns()
        _install_data(archive, there, root, now)
        for name, result in sound.items():
            if name in known:
                # What joins a result that is here gets its time: Snakemake would take anything newer for changed.
                absent = [file for file in result.images if not (root / file).is_file()]
                _install(absent, there, root, (root / result.name).stat().st_mtime_ns)
            else:
                _install([*result.files, *result.images], there, root, now)
    return (len(sound) - len(known), len(known)), reasons


def _is_here(result: Result, root: Path) -> bool:
    return all((root / file).is_file() for file in result.files)


def _check_equal(result: Result, root: Path, there: Path, archive: Path) -> None:
    """Refuse an archive if one of its results is here with another content."""
    if reason := next(problems(result, root), None):
        raise UserError(
            f"{root / result.name}: is in {archive}, too, and here it is not what the configuration and the code would "
            f"make ({reason}); run the workflow, or delete the folder"
        )
    if reason := conflict(result, root, there):
        raise UserError(
            f"{archive}: {result.name} is here, too, and not equal: {reason}. Runs are compared only where they start "
            "from equal models: divide a benchmark by copying what the results share (docs/cluster.md)"
        )


def _install_data(archive: Archive, there: Path, root: Path, moment: int) -> None:
    """Take in the tables of the data that are not here, and the digests of the data if these are not here."""
    names = [f"data/{name}" for name in data_state.TABLES]
    _install([name for name in names if not (root / name).is_file()], there, root, moment)
    digests = root / "data" / data_state.DIGESTS
    if not ((root / "data" / "packed").is_dir() or digests.is_file()):
        write_json(digests, archive.manifest.data)


def _install(names: Sequence[str], there: Path, root: Path, moment: int) -> None:
    """Move files, those that are there, from an unpacked archive into place, as if written at one moment."""
    for name in names:
        if (there / name).is_file():
            os.utime(there / name, ns=(moment, moment))
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (there / name).replace(root / name)
