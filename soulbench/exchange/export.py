"""Pack what is finished of a benchmark into one archive."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from soulbench.core import records
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.exchange import archive, data_state
from soulbench.exchange.provenance import problems
from soulbench.exchange.results import Result, planned

NAMED = 10  # results that a message names
WITHOUT = "without"


def export(config: Mapping[str, Any], out: Path, with_images: bool) -> Iterator[str]:
    """Write what is finished of records, ablations and attacks, with their models' records; yield what was done.

    Args:
        config: the resolved configuration.
        out: the archive to write.
        with_images: whether the images go along that figures are made of.

    Raises:
        UserError: nothing is finished, or the tables of the data are not there.
    """
    root = Path(ResultPaths.of(config).root)
    results = planned(config)
    sound, left_out = finished(results, root, data_state.last_change(config))
    measured = [result for result in sound.values() if result.is_measured]
    if not measured:
        why = "".join(f"; {name}: {reason}" for name, reason in list(left_out.items())[:1])
        raise UserError(f"{root}: no record of this configuration is finished{why}")
    names = with_needs(measured, sound)
    files = [file for name in names for file in sound[name].files]
    if with_images:
        files += [file for name in names for file in sound[name].images if (root / file).is_file()]
    manifest = {
        "config": config,
        "data": data_state.digests(config),
        "versions": records.versions(),
        "commit": records.commit(),
        "lock_hash": records.lock_hash(),
    }
    archive.write(out, manifest, root, [*files, *_data_files(root)])
    yield from listed("left out", left_out)
    wanted = sum(result.is_measured for result in results.values())
    size = out.stat().st_size / 1e6
    yield f"{out}: {len(measured)} of {wanted} records, ablations and attacks, {len(files)} files, {size:.1f} MB"


def listed(what: str, reasons: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each of the first results with what happened to it and why, and the number of the others."""
    # What is left out for its own sake comes before what only depends on it.
    first = sorted(reasons.items(), key=lambda item: item[1].startswith(WITHOUT))
    yield from (f"{what}: {name}: {reason}" for name, reason in first[:NAMED])
    if len(reasons) > NAMED:
        yield f"{what}: {len(reasons) - NAMED} more"


def finished(
    results: Mapping[str, Result], root: Path, data_time: float = 0.0
) -> tuple[dict[str, Result], dict[str, str]]:
    """Return the results that are whole and of this code and configuration, and for which that holds of what they need.

    Args:
        results: by name, each after those that it needs.
        root: the folder that holds their files.
        data_time: when the data were last changed; records that are older are of earlier data.

    Returns:
        These results, and of the others that are there why they do not count, by name.
    """
    sound: dict[str, Result] = {}
    left_out: dict[str, str] = {}
    for name, result in results.items():
        if not (root / name).is_file():
            continue
        absent = next((file for file in result.files if not (root / file).is_file()), None)
        missing = next((need for need in result.needs if need not in sound), None)
        if absent:
            reason = f"there is no {absent}"
        elif result.is_measured and (root / name).stat().st_mtime < data_time:
            reason = "older than the data; run the workflow"
        else:
            reason = f"{WITHOUT} {missing}" if missing else "; ".join(problems(result, root))
        if reason:
            left_out[name] = reason
        else:
            sound[name] = result
    return sound, left_out


def with_needs(wanted: Iterable[Result], results: Mapping[str, Result]) -> set[str]:
    """Return the names of some results and of all that they depend on."""
    seen, pending = set[str](), [result.name for result in wanted]
    while pending:
        name = pending.pop()
        # Once each: every model of a bank is compared with all before it, so there are 2^n ways to the first of n.
        if name not in seen:
            seen.add(name)
            pending += results[name].needs
    return seen


def _data_files(root: Path) -> list[str]:
    found = [f"data/{name}" for name in data_state.TABLES if (root / "data" / name).is_file()]
    if "data/requests.csv" not in found:
        raise UserError(f"{root}/data/requests.csv: there is no such file; run the rule requests")
    return found
