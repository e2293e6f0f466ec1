"""Checkpoints: safetensors with JSON metadata; never unpickled, never half-written."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from soulbench.core.errors import UserError
from soulbench.core.records import atomic_path, canonical_json

# One key only: safetensors writes several in an order that changes from run to run, and equal models shall be
# equal bytes.
KEY = "soulbench"
SHOWN = 10  # entries of a list that a message shows; of a longer one, such as a vocabulary, it says where they part


def save(path: str | Path, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically.

    Args:
        path: the `.safetensors` file.
        tensors: by name, of any shape and device; tied ones are stored once each.
        meta: plain values: architecture sizes, vocabulary hash, data hash, step, ...
    """
    stored = {name: tensor.detach().to("cpu").clone().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as part:
        save_file(stored, part, metadata={KEY: canonical_json(meta)})


def load(
    path: str | Path, expect: Mapping[str, Any] | None = None, device: str | torch.device = "cpu"
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a checkpoint: its tensors by name, and its metadata.

    Args:
        path: the `.safetensors` file.
        expect: metadata that the caller relies on; what it names must be equal, the rest may be anything.
        device: where the tensors go.

    Raises:
        UserError: no such file, no checkpoint, or one of another architecture, vocabulary or data; the
            message says what differs.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such checkpoint")
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            text = (file.metadata() or {}).get(KEY)
            if text is None:
                raise UserError(f"{path}: a safetensors file, but not a checkpoint written by soulbench")
            meta = json.loads(text)
            _compare(path, meta, json.loads(canonical_json(expect or {})))
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, meta
    except SafetensorError as error:
        raise UserError(
            f"{path}: not a checkpoint (a whole .safetensors file is needed; pickles are never read): {error}"
        ) from None


def _compare(path: str | Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    differences = list(_differences(found, wanted, ""))
    if differences:
        raise UserError(f"{path}: a checkpoint of another model: {'; '.join(differences)}")


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in wanted.items():
        name, other = f"{prefix}{key}", found.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            yield from _differences(other, value, f"{name}.")
        elif isinstance(value, list) and isinstance(other, list) and other != value and len(value) > SHOWN:
            yield _first_difference(name, other, value)
        elif other != value:
            yield f"{name} is {other!r} there and {value!r} here"


def _first_difference(name: str, found: list[Any], wanted: list[Any]) -> str:
    """Of two long lists, their lengths and where they part."""
    place = next((i for i, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]), None)
    parted = "" if place is None else f"; number {place} is {found[place]!r} there and {wanted[place]!r} here"
    return f"{name} has {len(found)} entries there and {len(wanted)} here{parted}"


def save_state(path: str | Path, tree: Any, key: str) -> None:
    """Write the state of a running job: any nesting of dicts, lists, tuples, tensors and plain values.

    Fits a whole training: models' and optimisers' `state_dict()`, random generators' states, the step.

    Args:
        path: the `.safetensors` file, in the job's work folder.
        tree: the state.
        key: what the state belongs to (a hash of the settings); under another key it is not taken up again.
    """
    tensors: dict[str, torch.Tensor] = {}
    skeleton = _split(tree, tensors)
    save(path, tensors, {"key": key, "skeleton": skeleton})


def load_state(path: str | Path, key: str) -> Any | None:
    """Read what `save_state` wrote; None if there is nothing, or it belongs to other settings."""
    try:
        tensors, meta = load(path, {"key": key})
    except UserError:
        return None
    return _join(meta["skeleton"], tensors)


def _split(tree: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Replace tensors by their names; containers are tagged: JSON has neither tuples nor integer keys."""
    if isinstance(tree, torch.Tensor):
        name = f"{len(tensors):05d}"
        tensors[name] = tree
        return ["tensor", name]
    if isinstance(tree, Mapping):
        return ["dict", [[key, _split(value, tensors)] for key, value in tree.items()]]
    if isinstance(tree, (list, tuple)):
        return [type(tree).__name__, [_split(value, tensors) for value in tree]]
    return ["value", tree]


def _join(skeleton: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    kind, content = skeleton
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _join(value, tensors) for key, value in content}
    if kind in ("list", "tuple"):
        items = [_join(value, tensors) for value in content]
        return tuple(items) if kind == "tuple" else items
    return content


@contextlib.contextmanager
def work_folder(output: str | Path) -> Iterator[Path]:
    """Yield the folder beside `output` where a job keeps its running state; success removes it.

    Snakemake deletes the declared outputs of a failed or killed job, but knows nothing of this folder, so the
    next run of the job finds its state there.
    """
    folder = Path(output).with_suffix(".work")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)  # of several processes, another may have been faster
