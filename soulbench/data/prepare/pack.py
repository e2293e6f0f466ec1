"""Packing: every kept photograph decoded and resized once, every graph completed, all in mapped arrays.

Pixels are written straight into an array in a work folder beside the result, where an interrupted packing resumes.
"""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from soulbench.core.errors import UserError
from soulbench.core.log import Progress
from soulbench.core.records import atomic_path, new_array, read_json, write_json
from soulbench.data.packed import FORMAT_VERSION
from soulbench.data.prepare.graphs import Graphs, read_counts
from soulbench.data.prepare.photographs import BrokenPhotograph, read_photograph
from soulbench.data.prepare.source_files import photograph_path, source_folder
from soulbench.data.prepare.splits import SPLITS

TODO, DONE, BAD = 0, 1, 2
CHUNK = 512  # photographs after which the state on disk is brought up to date
LISTED = 20  # bad photographs that a message names; it counts the others
Paths = list[Path]


def pack(
    config: dict[str, Any],
    source_dir: Path,
    graphs_dir: Path,
    vocabulary_json: Path,
    out_packed_dir: Path,
    log: Callable[[str], None],
) -> None:
    """Write the packed set (`soulbench.data.packed`), images in the order of `image_data.json`.

    Args:
        config: the whole configuration; reads `data`.
        source_dir: folder with Visual Genome's file layout (`data.root` replaces it where it is set).
        graphs_dir: written by the vocabulary step.
        vocabulary_json: written by the vocabulary step.
        out_packed_dir: the folder to write.
        log: called with a line of text.

    Raises:
        UserError: missing or broken photographs, unless `data.bad_photographs` is `skip`; then they are
            named, counted and left out.
    """
    graphs, out = Graphs.open(graphs_dir), Path(out_packed_dir)
    folder, skip = source_folder(config, source_dir), config["data"]["bad_photographs"] == "skip"
    paths = [
        photograph_path(folder, image_id, url)
        for image_id, url in zip(graphs.image_id.tolist(), graphs.url.tolist(), strict=True)
    ]
    _check_present(paths, skip)
    work = _PixelWork(out.with_name(f".{out.name}.work"), graphs, paths, config["data"]["image_size"])
    notes = work.run(log)
    decoded = work.state == DONE
    bad = [paths[row] for row in np.flatnonzero(~decoded)]
    _report_bad(bad, len(paths), skip, log)
    for note, number in notes.items():
        log(f"{number} photographs {note}")
    rows = np.flatnonzero(decoded)
    with atomic_path(out) as part:
        part.mkdir()
        _write_graphs(part, graphs, rows)
        work.save_pixels(part / "pixels.npy", rows)
        facts = {
            "format": FORMAT_VERSION,
            "image_size": config["data"]["image_size"],
            "vocabulary": read_json(vocabulary_json),
            "images": len(rows),
            "bad_photographs": [str(path.relative_to(folder)) for path in bad],
            "treated_photographs": dict(notes),
            "counts": read_counts(graphs_dir),
        }
        write_json(part / "packed.json", facts)
    shutil.rmtree(work.folder)
    log(f"packed {len(rows)} photographs of {len(paths)}")


def _check_present(paths: Paths, skip: bool) -> None:
    """Name missing photographs before hours of decoding, not after."""
    missing = [path for path in paths if not _is_file(path)]
    if missing and not skip:
        raise UserError(_bad_message("missing", missing, len(paths)))
    if len(missing) == len(paths):
        raise UserError(
            f"all {len(paths)} photographs are missing, such as {paths[0]}; check data.root or the download"
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that must not be read
        return False


def _bad_message(what: str, bad: Paths, total: int) -> str:
    names = ", ".join(map(str, bad[:LISTED])) + (
        f" and {len(bad) - LISTED} more" if len(bad) > LISTED else ""
    )
    return (
        f"{len(bad)} of {total} photographs {what}: {names}; put them there, or set data.bad_photographs: skip "
        "to go on without them"
    )


def _report_bad(bad: Paths, total: int, skip: bool, log: Callable[[str], None]) -> None:
    if bad and not skip:
        raise UserError(_bad_message("broken", bad, total))
    if len(bad) == total:
        raise UserError(
            f"none of the {total} photographs can be read, such as {bad[0]}; check data.root or the download"
        )
    for path in bad[:LISTED]:
        log(f"skipped, missing or broken: {path}")
    if bad:
        log(f"skipped {len(bad)} of {total} photographs; packed.json names them all")


class _PixelWork:
    """The work folder: pixels and states of one list of photographs at one size, decoded or not yet."""

    def __init__(self, folder: Path, graphs: Graphs, paths: Paths, side: int) -> None:
        self.folder, self.graphs, self.paths, self.side = folder, graphs, paths, side
        key = {"side": side, "photographs": hashlib.sha256("\n".join(map(str, paths)).encode()).hexdigest()}
        if not self._holds(key):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            shape = (len(paths), side, side, 3)
            new_array(folder / "pixels.npy", shape, np.uint8)
            new_array(folder / "state.npy", (len(paths),), np.uint8)
            write_json(folder / "key.json", key)
        self.pixels = np.load(folder / "pixels.npy", mmap_mode="r+", allow_pickle=False)
        self.state = np.load(folder / "state.npy", mmap_mode="r+", allow_pickle=False)

    def _holds(self, key: dict[str, Any]) -> bool:
        """Return whether the folder holds earlier work on the same photographs."""
        path = self.folder / "key.json"
        return path.is_file() and read_json(path) == key

    def _decode(self, row: int) -> str | None:
        """Decode one photograph; return what was done besides resizing, None if it is broken."""
        width, height = self.graphs.image_size[row].tolist()
        try:
            self.pixels[row], note = read_photograph(self.paths[row], (width, height), self.side)
        except BrokenPhotograph:
            return None
        return note

    def _chunks(self) -> Iterator[np.ndarray]:
        """Yield the rows that are left; broken photographs may have been replaced since an earlier run."""
        rows = np.flatnonzero(self.state != DONE)
        yield from np.split(rows, range(CHUNK, len(rows), CHUNK))

    def run(self, log: Callable[[str], None]) -> Counter[str]:
        """Decode what is left, one photograph per core at a time; count what was done besides resizing."""
        notes: Counter[str] = Counter()
        done = int((self.state == DONE).sum())
        workers = int(os.environ.get("OMP_NUM_THREADS", 0)) or os.cpu_count() or 1
        with (
            ThreadPoolExecutor(workers) as pool,
            Progress("packing", len(self.paths), log, done=done) as progress,
        ):
            for rows in self._chunks():
                for row, note in zip(rows, pool.map(self._decode, rows.tolist()), strict=True):
                    self.state[row] = BAD if note is None else DONE
                    notes.update([note] if note else [])
                    progress.advance(images=1)
                self.pixels.flush()
                self.state.flush()
        return notes

    def save_pixels(self, path: Path, rows: np.ndarray) -> None:
        """Write the pixels of `rows` to a file; if these are all rows, the file is linked and not copied."""
        if len(rows) == len(self.paths):
            os.link(self.folder / "pixels.npy", path)
            return
        chosen = new_array(path, (len(rows), *self.pixels.shape[1:]), np.uint8)
        for start in range(0, len(rows), CHUNK):
            chosen[start : start + CHUNK] = self.pixels[rows[start : start + CHUNK]]
        chosen.flush()


def _write_graphs(folder: Path, graphs: Graphs, rows: np.ndarray) -> None:
    """Write the graph columns of `rows`, each graph with its image node and the edges to it."""
    objects: dict[str, list[np.ndarray]] = {"object_ids": [], "categories": [], "boxes": [], "triples": []}
    node = {
        "object_ids": np.array([-1]),
        "categories": np.array([0]),
        "boxes": np.array([[0, 0, 1, 1]], np.float32),
    }
    sources = {"object_ids": graphs.object_id, "categories": graphs.category, "boxes": graphs.box}
    offset, triple_offset = graphs.offset.tolist(), graphs.triple_offset.tolist()
    for row in rows.tolist():
        first, last = offset[row], offset[row + 1]
        for name, column in sources.items():
            objects[name] += [column[first:last], node[name]]
        number = np.arange(last - first)
        edges = np.stack([number, np.zeros_like(number), np.full_like(number, last - first)], axis=1)
        objects["triples"] += [graphs.triple[triple_offset[row] : triple_offset[row + 1]], edges]
    sizes = np.diff(graphs.offset)[rows]
    arrays = {name: np.concatenate(parts) for name, parts in objects.items()} | {
        "image_ids": graphs.image_id[rows],
        "splits": np.array(SPLITS)[graphs.split[rows]],
        "offsets": np.concatenate([[0], np.cumsum(sizes + 1)]),
        "triple_offsets": np.concatenate([[0], np.cumsum(np.diff(graphs.triple_offset)[rows] + sizes)]),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
