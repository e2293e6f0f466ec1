"""Packing: every kept photograph decoded and resized once, every graph completed, all in mapped arrays.

Pixels are written straight into an array in a work folder beside the result, where an interrupted packing resumes: a
photograph is decoded again unless its bytes are those whose pixels are there.
"""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from soulbench.core.errors import UserError
from soulbench.core.log import Progress
from soulbench.core.records import atomic_path, new_array, read_json, write_json
from soulbench.core.sources import source_hash
from soulbench.data.packed import FORMAT_VERSION
from soulbench.data.prepare import photographs
from soulbench.data.prepare.graphs import Graphs, read_counts
from soulbench.data.prepare.photographs import BrokenPhotograph, decode_photograph, read_file
from soulbench.data.prepare.source_files import source_folder
from soulbench.data.prepare.splits import SPLITS

#: What is known of a photograph whose pixels are there: the SHA-256 of its file, and what was done besides resizing.
#: All zero where there are none yet, or where the photograph is broken.
STATE = np.dtype([("sha256", np.uint8, 32), ("note", "U40")])
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
    paths = [folder / "images" / name for name in graphs.photograph.tolist()]
    _check_present(paths, skip)
    work = _PixelWork(out.with_name(f".{out.name}.work"), graphs, paths, config["data"]["image_size"])
    bad = work.run(log)
    _report_bad(list(bad.values()), len(paths), skip, log)
    rows = np.flatnonzero(work.is_done())
    notes = Counter(note for note in work.state["note"][rows].tolist() if note)
    for note, number in notes.items():
        log(f"{number} photographs {note}")
    with atomic_path(out) as part:
        part.mkdir()
        _write_graphs(part, graphs, rows)
        work.save_pixels(part / "pixels.npy", rows)
        facts = {
            "format": FORMAT_VERSION,
            "image_size": config["data"]["image_size"],
            "vocabulary": read_json(vocabulary_json),
            "images": len(rows),
            "bad_photographs": [str(paths[row].relative_to(folder)) for row in bad],
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
        raise UserError(_bad_message("missing", [str(path) for path in missing], len(paths)))
    if len(missing) == len(paths):
        raise UserError(
            f"all {len(paths)} photographs are missing, such as {paths[0]}; check data.root or the download"
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that must not be read
        return False


def _bad_message(what: str, bad: list[str], total: int) -> str:
    names = ", ".join(bad[:LISTED]) + (f" and {len(bad) - LISTED} more" if len(bad) > LISTED else "")
    return (
        f"{len(bad)} of {total} photographs {what}: {names}; put them there, or set data.bad_photographs: skip "
        "to go on without them"
    )


def _report_bad(bad: list[str], total: int, skip: bool, log: Callable[[str], None]) -> None:
    if bad and not skip:
        raise UserError(_bad_message("broken", bad, total))
    if len(bad) == total:
        raise UserError(
            f"none of the {total} photographs can be read, such as {bad[0]}; check data.root or the download"
        )
    for reason in bad[:LISTED]:
        log(f"skipped: {reason}")
    if bad:
        log(f"skipped {len(bad)} of {total} photographs; packed.json names them all")


class _PixelWork:
    """The work folder: pixels and states of one list of photographs at one size, decoded or not yet."""

    def __init__(self, folder: Path, graphs: Graphs, paths: Paths, side: int) -> None:
        self.folder, self.paths, self.side = folder, paths, side
        self.sizes = graphs.image_size.tolist()  # as annotated
        self.broken: dict[int, str] = {}
        wanted = "\n".join(f"{path} {size}" for path, size in zip(paths, self.sizes, strict=True))
        key = {
            "side": side,
            "photographs": hashlib.sha256(wanted.encode()).hexdigest(),
            "decoder": [source_hash(photographs.__name__), PIL.__version__],
        }
        if not self._holds(key):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            new_array(folder / "pixels.npy", (len(paths), side, side, 3), np.uint8)
            new_array(folder / "state.npy", (len(paths),), STATE)
            write_json(folder / "key.json", key)
        self.pixels = np.load(folder / "pixels.npy", mmap_mode="r+", allow_pickle=False)
        self.state = np.load(folder / "state.npy", mmap_mode="r+", allow_pickle=False)

    def _holds(self, key: dict[str, Any]) -> bool:
        """Return whether the folder holds earlier work on the same photographs."""
        path = self.folder / "key.json"
        return path.is_file() and read_json(path) == key

    def is_done(self) -> np.ndarray:
        """Return which photographs' pixels are there; bool [N]."""
        return self.state["sha256"].any(axis=1)

    def _decode(self, row: int) -> tuple[bytes, str]:
        """Decode a photograph, unless its pixels are there; return its state. What is wrong with it is noted."""
        try:
            data = read_file(self.paths[row])
            digest = hashlib.sha256(data).digest()
            if self.state["sha256"][row].tobytes() == digest:
                return digest, self.state["note"][row]
            self.state["sha256"][row] = 0  # the pixels are about to be those of another file
            width, height = self.sizes[row]
            self.pixels[row], note = decode_photograph(self.paths[row], data, (width, height), self.side)
        except BrokenPhotograph as error:
            self.broken[row] = str(error)
            return bytes(32), ""
        return digest, note

    def run(self, log: Callable[[str], None]) -> dict[int, str]:
        """Decode what is left, one photograph per core at a time; return what is wrong with others, by row."""
        workers = int(os.environ.get("OMP_NUM_THREADS", 0)) or os.cpu_count() or 1
        if self.is_done().any():
            log(f"{self.is_done().sum()} photographs are packed; those that have changed are decoded again")
        with ThreadPoolExecutor(workers) as pool, Progress("packing", len(self.paths), log) as progress:
            for first in range(0, len(self.paths), CHUNK):
                rows = range(first, min(first + CHUNK, len(self.paths)))
                states = []
                for state in pool.map(self._decode, rows):
                    states.append(state)
                    progress.advance(images=1)
                self.pixels.flush()  # before the states: after a power cut, no state is without its pixels
                for row, (digest, note) in zip(rows, states, strict=True):
                    self.state[row] = np.frombuffer(digest, np.uint8), note
                self.state.flush()
        return dict(sorted(self.broken.items()))

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
