"""Published tables: those of a run as compressed CSV, small enough to be committed, and how they are read again."""

import contextlib
import gzip
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from soulbench.core.archives import check_size, opened
from soulbench.core.columns import TABLES
from soulbench.core.errors import UserError
from soulbench.core.limits import LARGEST_TABLE
from soulbench.core.records import atomic_path
from soulbench.core.user_files import open_file

#: Bytes of all published tables: what a repository can carry with every version of them.
MOST_BYTES = 2_000_000
EXPECTED = "a folder or a zip archive with tables is expected, as `soulbench publish` writes them"


def publish(run: Path, out: Path, without: Sequence[str] = ()) -> Iterator[str]:
    """Write the tables of a run into a folder as `<name>.csv.gz`; yield the size of each. Equal tables are equal bytes.

    Args:
        run: `results/<name>`, or a folder of tables.
        out: the folder; tables of an earlier run there are replaced.
        without: names of tables that are left out.

    Raises:
        UserError: as `compressed`.
    """
    yield from write(compressed(run, out, without), out)


def compressed(run: Path, out: Path, without: Sequence[str] = ()) -> dict[str, bytes]:
    """Return the tables that `publish` writes, by name; the arguments are the same. Nothing is written.

    Raises:
        UserError: there are no tables, `without` names none of them, or they are larger than `MOST_BYTES` in all.
    """
    folder = _tables_folder(run)
    names = [name for name in TABLES if (folder / f"{name}.csv").is_file()]
    if not names:
        raise UserError(f"{folder}: no tables; run the rules tables and claims")
    if unknown := sorted({*without} - {*names}):
        raise UserError(f"{folder}: there is no table {unknown[0]}; there are {', '.join(names)}")
    contents = {
        name: gzip.compress((folder / f"{name}.csv").read_bytes(), 9, mtime=0)
        for name in names
        if name not in without
    }
    size = sum(map(len, contents.values()))
    if size > MOST_BYTES:
        largest = max(contents, key=lambda name: len(contents[name]))
        raise UserError(
            f"{out}: the tables would take {size:,} bytes, {len(contents[largest]):,} of them {largest}; at most "
            f"{MOST_BYTES:,} are allowed; leave it out (--without {' '.join([*without, largest])})"
        )
    return contents


def write(contents: Mapping[str, bytes], out: Path) -> Iterator[str]:
    """Write compressed tables into a folder, in place of all that are there; yield the size of each."""
    for name in TABLES:
        path = out / f"{name}.csv.gz"
        if name in contents:
            with atomic_path(path) as part:
                part.write_bytes(contents[name])
            yield f"{path}: {len(contents[name]):,} bytes"
        else:
            path.unlink(missing_ok=True)


def _tables_folder(run: Path) -> Path:
    return run / "tables" if (run / "tables").is_dir() else run


@contextlib.contextmanager
def tables(path: Path) -> Iterator[dict[str, Path]]:
    """Yield the tables of a run or of a publication by name, as plain CSV files that last as long as the block.

    Args:
        path: `results/<name>`, a folder of tables, or a zip archive of them; each table `.csv` or `.csv.gz`.

    Raises:
        UserError: there is no such folder or archive, it has no table, or a table is damaged or too large.
    """
    with tempfile.TemporaryDirectory() as temporary:
        found = {}
        for name, content in _contents(path):
            stem = name.removesuffix(".gz").removesuffix(".csv")
            found[stem] = Path(temporary) / f"{stem}.csv"
            found[stem].write_bytes(_plain(path / name, content))
        if not found:
            raise UserError(f"{path}: no tables; {EXPECTED}")
        yield found


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each table, as it is stored."""
    known = {f"{name}{suffix}" for name in TABLES for suffix in (".csv", ".csv.gz")}
    if path.is_dir():
        for file in sorted(_tables_folder(path).iterdir()):
            if file.name in known:
                with open_file(file, EXPECTED) as stored:
                    yield file.name, stored.read(LARGEST_TABLE + 1)
        return
    open_file(path, EXPECTED).close()
    with opened(path, EXPECTED) as archive:
        members = [member for member in archive.infolist() if Path(member.filename).name in known]
        check_size(path, members, LARGEST_TABLE)
        for member in members:
            yield Path(member.filename).name, archive.read(member)


def _plain(path: Path, content: bytes) -> bytes:
    if path.suffix == ".gz":
        unpacker = zlib.decompressobj(31)
        try:
            content = unpacker.decompress(content, LARGEST_TABLE + 1)
        except zlib.error as error:
            raise UserError(f"{path}: not a whole gzip file ({error}); bring it again") from None
        if not unpacker.eof and len(content) <= LARGEST_TABLE:
            raise UserError(f"{path}: cut short; bring it again")
    if len(content) > LARGEST_TABLE:
        raise UserError(f"{path}: larger than {LARGEST_TABLE:,} bytes; {EXPECTED}")
    return content
