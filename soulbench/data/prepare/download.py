"""Download of Visual Genome's files with curl: resumed after an interruption, and accepted only once checked.

`downloads.csv` beside this file lists addresses, sizes and checksums. Its column `checksum` says whether the checksum
is known, or recorded at the first download and checked from then on.
"""

import csv
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from soulbench.core.archives import check_names, check_size, opened
from soulbench.core.errors import UserError
from soulbench.core.limits import LARGEST_DOWNLOAD, MOST_REDIRECTS, UNPACKED_MARGIN
from soulbench.core.records import atomic_path, file_hash, read_json, write_json

TABLE = Path(__file__).with_name("downloads.csv")
ATTEMPTS = 6  # per address; the pause doubles from one to the next
FIRST_PAUSE = 2.0  # seconds
CONNECT_TIMEOUT = ("--connect-timeout", "30")  # seconds
#: What follows from an address may lead to another server, but not to an unencrypted or a local one.
REDIRECTS = ("--location", "--proto-redir", "=https", "--max-redirs", str(MOST_REDIRECTS))
STALL_TIMEOUT = ("--speed-limit", "1000", "--speed-time", "60")  # under 1 kB/s for a minute: cut and resume
TEMPORARY = (408, 429)  # and 5xx: the server may answer later
CANNOT_RESUME = 33  # curl's exit status if the server does not serve ranges
TOO_LARGE = -signal.SIGXFSZ  # how curl ends when a file grows beyond its limit
NO_SUCH_RANGE = 416  # HTTP status if the file has no bytes beyond those that we hold
REMEDY = "run again, or bring another"  # for a broken archive
Log = Callable[[str], object]


@dataclass(frozen=True)
class Download:
    """One row of `downloads.csv`; size and checksum are None where nobody published them."""

    name: str
    file: str
    addresses: tuple[str, ...]
    bytes: int | None
    sha256: str | None
    unpacked_bytes: int


def read_table() -> dict[str, Download]:
    """Return the table by name."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {
            row["name"]: Download(
                name=row["name"],
                file=row["file"],
                addresses=tuple(row["addresses"].split()),
                bytes=int(row["bytes"]) if row["bytes"] else None,
                sha256=row["sha256"] or None,
                unpacked_bytes=int(row["unpacked_bytes"]),
            )
            for row in csv.DictReader(file)
        }


FILES = tuple(read_table())


def download(name: str, config: dict[str, Any], out_dir: Path, log: Log) -> None:
    """Fetch one of `FILES` into a folder with Visual Genome's file layout and write `<name>.done` there.

    `config` is not read: every download is the same for all benchmarks.

    Raises:
        UserError: no such file in the table, no curl, no room, no address that answers, or wrong bytes.
    """
    table = read_table()
    if name not in table:
        raise UserError(f"there is no download {name!r}; known are {', '.join(table)}")
    # The files are fetched side by side: the others would fill the room that this one needs.
    missing = [entry for entry in table.values() if not _done(entry, Path(out_dir)).is_file()]
    _check_room(missing, Path(out_dir))
    fetch(table[name], Path(out_dir), log)


def fetch(wanted: Download, folder: Path, log: Log, first_pause: float = FIRST_PAUSE) -> None:
    """Fetch, check and unpack one file; an interrupted download is resumed.

    Raises:
        UserError: as in `download`.
    """
    if not shutil.which("curl"):
        raise UserError("curl is not installed; install it, or bring the files yourself and set data.root")
    _check_room([wanted], folder)
    part = _part(wanted, folder)
    record = folder / f"{wanted.name}.sha256.json"
    known = wanted.sha256 or (read_json(record)["sha256"] if record.is_file() else None)
    reasons = []
    for address in wanted.addresses:
        reason = _transfer(address, part, wanted, log, first_pause) or _wrong(part, wanted, known)
        if not reason:
            break
        log(f"{address}: {reason}")
        reasons.append(f"{address}: {reason}")
    else:
        raise UserError(
            f"{wanted.file} could not be downloaded: {'; '.join(reasons)}. What was fetched stays: run again, or "
            "bring the files yourself and set data.root"
        )
    facts = {"address": address, "bytes": part.stat().st_size, "sha256": file_hash(part)}
    facts["checksum"] = "known" if wanted.sha256 else "first use"
    _install(part, folder, wanted)
    # Only now: the checksum of an archive that cannot be unpacked would rule out the right one for good.
    write_json(record, facts)
    write_json(_done(wanted, folder), facts)
    log(f"{wanted.file}: {facts['bytes']} bytes, SHA-256 {facts['sha256']} ({facts['checksum']})")


def _part(wanted: Download, folder: Path) -> Path:
    return folder / f".{wanted.file}.part"


def _done(wanted: Download, folder: Path) -> Path:
    return folder / f"{wanted.name}.done"


def _check_room(wanted: list[Download], folder: Path) -> None:
    """Compare the free disk space with what is still needed: for the files, and for what they contain."""
    folder.mkdir(parents=True, exist_ok=True)
    needed = 0
    for entry in wanted:
        part = _part(entry, folder)
        fetched = part.stat().st_size if part.is_file() else 0
        needed += max((entry.bytes or 0) - fetched, 0) + entry.unpacked_bytes
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{', '.join(entry.file for entry in wanted)}: {needed / 1e9:.1f} GB are needed in {folder}, but only "
            f"{free / 1e9:.1f} GB are free; make room, or set data.root to files that are elsewhere"
        )


def _transfer(address: str, part: Path, wanted: Download, log: Log, pause: float) -> str:
    """Complete `part` from one address; return why that failed, "" if it did not."""
    most = wanted.bytes or LARGEST_DOWNLOAD
    reason = ""
    for attempt in range(ATTEMPTS):
        if wanted.bytes is not None and part.is_file() and part.stat().st_size == wanted.bytes:
            return ""
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        status, code, reason = _curl(address, part, most)
        if status == CANNOT_RESUME or code == NO_SUCH_RANGE:
            # The server cannot resume, or has no more bytes than we hold, which curl reports as success whatever
            # bytes these are: start again.
            part.unlink(missing_ok=True)
        elif status == 0:
            return ""
        elif status == TOO_LARGE:
            part.unlink()
            return f"more than {most:,} bytes"
        elif code and code < 500 and code not in (200, 206, *TEMPORARY):
            return reason
        log(f"{address}: {reason}; attempt {attempt + 1} of {ATTEMPTS}")
    return f"{reason} ({ATTEMPTS} attempts)"


def _curl(address: str, part: Path, most: int) -> tuple[int, int, str]:
    """Run curl once, resuming, for a file of at most so many bytes; return exit status, HTTP status and message."""
    quiet = ["--progress-bar"] if sys.stderr.isatty() else ["--silent", "--show-error"]
    command = [
        "curl",
        "--fail",
        *REDIRECTS,
        "--continue-at",
        "-",
        *CONNECT_TIMEOUT,
        *STALL_TIMEOUT,
        *quiet,
    ]
    done = subprocess.run(
        [*command, "--write-out", "%{http_code} %{errormsg}", "--output", str(part), address],
        stdout=subprocess.PIPE,
        stderr=None if sys.stderr.isatty() else subprocess.DEVNULL,
        text=True,
        check=False,
        # curl's own limit (--max-filesize) believes what the server says.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )
    code, _, message = done.stdout.partition(" ")
    return (
        done.returncode,
        int(code) if code.isdigit() else 0,
        message.strip() or f"curl ended with {done.returncode}",
    )


def _wrong(part: Path, wanted: Download, sha256: str | None) -> str:
    """Return what is wrong with a fetched file, "" if nothing; delete a wrong one, so that it is not resumed."""
    size = wanted.bytes
    fetched = part.stat().st_size if part.is_file() else 0
    reason = ""
    if size is not None and fetched != size:
        reason = f"{fetched} bytes instead of {size}"
    elif fetched == 0:
        reason = "an empty file"
    elif sha256 is not None and file_hash(part) != sha256:
        reason = f"other bytes than expected (SHA-256 is not {sha256})"
    if reason:
        part.unlink(missing_ok=True)
    return reason


def _install(part: Path, folder: Path, wanted: Download) -> None:
    """Move a file into the folder, or unpack an archive there: photographs below `images/`.

    An archive that cannot be unpacked is deleted, because resuming its download would not mend it.
    """
    if not wanted.file.endswith(".zip"):
        part.replace(folder / wanted.file)
        return
    most = int(UNPACKED_MARGIN * wanted.unpacked_bytes)
    try:
        if wanted.file.endswith(".json.zip"):
            _unpack_member(part, wanted.file.removesuffix(".zip"), folder, most)
        else:
            unpack(part, folder / "images", most)
    except UserError:
        part.unlink()
        raise
    part.unlink()


def _unpack_member(path: Path, name: str, folder: Path, most_bytes: int) -> None:
    """Unpack the one annotation file of an archive, whatever folder of the archive it is in."""
    with opened(path, REMEDY) as archive:
        members = [member for member in archive.infolist() if PurePosixPath(member.filename).name == name]
        if not members:
            raise UserError(f"{path}: {name} is not in the archive, only {', '.join(archive.namelist()[:5])}")
        check_size(path, members[:1], most_bytes)
        with (
            atomic_path(folder / name) as part,
            archive.open(members[0]) as source,
            part.open("wb") as target,
        ):
            shutil.copyfileobj(source, target, 1 << 20)


def unpack(path: Path, folder: Path, most_bytes: int) -> None:
    """Unpack an archive below `folder`.

    Raises:
        UserError: not a zip archive, more than `most_bytes` or `MOST_ENTRIES`, or an entry outside the folder.
    """
    with opened(path, REMEDY) as archive:
        check_size(path, archive.infolist(), most_bytes)
        check_names(path, archive.namelist())
        archive.extractall(folder)
