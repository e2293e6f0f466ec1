"""The archive that travels: a zip of results with a manifest. The same results make the same bytes."""

import contextlib
import hashlib
import shutil
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from soulbench.core.archives import check_names, check_size, reading
from soulbench.core.errors import UserError
from soulbench.core.limits import LARGEST_IMAGES, LARGEST_RESULT
from soulbench.core.records import atomic_path, canonical_json, file_hash
from soulbench.core.user_files import open_file

FORMAT = 1
MANIFEST = "manifest.json"
EXPECTED = "an archive that `soulbench export` wrote is expected"
REMEDY = "bring it again, or export it again"
#: Zip's first moment. The files' own times are left out: they are no result.
TIME = (1980, 1, 1, 0, 0, 0)


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an archive holds, and where it comes from.

    Attributes:
        format: version of this layout.
        config: the whole configuration under which the results were exported.
        data: SHA-256 of each file that the data consist of (`soulbench.exchange.data_state`).
        versions, commit, lock_hash: of the exporting program, as in `soulbench.core.records`.
        files: SHA-256 of each file of the archive, by its path below `results/<name>/`.
    """

    format: int
    config: dict[str, Any]
    data: dict[str, str]
    versions: dict[str, str]
    commit: str | None
    lock_hash: str | None
    files: dict[str, str]


def write(path: Path, manifest: Mapping[str, Any], root: Path, names: Sequence[str]) -> None:
    """Write an archive of some files, or nothing.

    Args:
        path: the archive.
        manifest: the fields of `Manifest` except `format` and `files`.
        root: the folder of the benchmark.
        names: the files, below `root`.
    """
    digests = {}
    with atomic_path(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name in sorted(names):
            content = (root / name).read_bytes()
            digests[name] = hashlib.sha256(content).hexdigest()
            _add(archive, name, content)
        content = canonical_json({**manifest, "format": FORMAT, "files": digests}).encode()
        _add(archive, MANIFEST, content)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, TIME)
    entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16  # as on Linux, everywhere
    # Images are compressed already.
    method = zipfile.ZIP_STORED if name.endswith(".npz") else zipfile.ZIP_DEFLATED
    archive.writestr(entry, content, method, 9)


class Archive:
    """An archive whose manifest was read. Nothing is unpacked but regular files that the manifest lists.

    Attributes:
        path: of the archive.
        manifest: its manifest.
    """

    def __init__(self, path: Path, file: zipfile.ZipFile):
        self.path, self._file = path, file
        entries = file.infolist()
        names = [entry.filename for entry in entries]
        check_names(path, names)
        check_size(path, entries, shutil.disk_usage(path.parent).total)
        name, times = Counter(names).most_common(1)[0] if names else ("", 0)
        if times > 1:
            raise UserError(f"{path}: {name} is there {times} times; {EXPECTED}")
        for entry in entries:
            self._check(entry)
        if MANIFEST not in names:
            raise UserError(f"{path}: no {MANIFEST}; {EXPECTED}")
        self.manifest = self._manifest()
        listed, found = {*self.manifest.files}, {*names} - {MANIFEST}
        if unlike := sorted(listed ^ found):
            what = "in the manifest but not in the archive" if unlike[0] in listed else "not in its manifest"
            raise UserError(f"{path}: {unlike[0]} is {what}; {EXPECTED}")

    def _check(self, entry: zipfile.ZipInfo) -> None:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.is_dir() or kind not in (0, stat.S_IFREG):
            raise UserError(f"{self.path}: {entry.filename} is no regular file; {EXPECTED}")
        most = LARGEST_IMAGES if entry.filename.endswith(".npz") else LARGEST_RESULT
        if entry.file_size > most:
            raise UserError(
                f"{self.path}: {entry.filename} would take {entry.file_size:,} bytes; at most {most:,} are expected"
            )

    def _manifest(self) -> Manifest:
        try:
            manifest = msgspec.json.decode(self._file.read(MANIFEST), type=Manifest)
        except msgspec.DecodeError as error:
            raise UserError(f"{self.path}: {MANIFEST}: {error}; {EXPECTED}") from None
        if manifest.format != FORMAT:
            raise UserError(
                f"{self.path}: format {manifest.format}, {FORMAT} is expected; export it with this version"
            )
        return manifest

    def unpack(self, names: Sequence[str], folder: Path) -> None:
        """Write some of its files below a folder.

        Raises:
            UserError: the archive is not whole, or a file is not what its digest in the manifest says.
        """
        for name in names:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with (
                reading(self.path, REMEDY),
                self._file.open(name) as source,
                target.open("wb") as file,
            ):
                shutil.copyfileobj(source, file, 1 << 20)
            if file_hash(target) != self.manifest.files[name]:
                raise UserError(
                    f"{self.path}: {name} is not what was exported (its SHA-256 differs); bring it again"
                )


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Yield an archive, its manifest checked.

    Raises:
        UserError: there is none, or it is damaged, of another format, or holds anything but files of results.
    """
    open_file(path, EXPECTED).close()
    with contextlib.ExitStack() as stack:
        with reading(path, REMEDY):
            archive = Archive(path, stack.enter_context(zipfile.ZipFile(path)))
        yield archive  # what is done with it is no reading: an error there is a bug, not a damaged file
