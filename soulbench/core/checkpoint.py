"""Checkpoints: safetensors files with JSON metadata, written whole or not at all, and never unpickled."""

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

# One key only: safetensors writes several keys in an order that changes from run to run, and equal models must be
# equal bytes.
KEY = "soulbench"
#: Lists up to this length are shown whole in a message; of longer ones, such as vocabularies, the first difference.
SHOWN = 10


def save(path: str | Path, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically.

    Args:
        path: the `.safetensors` file.
        tensors: tensors by name, of any shape and device; tied tensors are stored under each of their names.
        meta: plain values: architecture sizes, vocabulary hash, data hash, step, ...
    """
    stored = {name: tensor.detach().to("cpu").clone().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as part:
        save_file(stored, part, metadata={KEY: canonical_json(meta)})


def load(
    path: str | Path, expect: Mapping[str, Any] | None = None, device: str | torch.device = "cpu"
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the tensors of a checkpoint by name, and its metadata.

    Args:
        path: the `.safetensors` file.
        expect: metadata that must be equal; keys that it lacks are not compared.
        device: the device of the returned tensors.

    Raises:
        UserError: the file is absent, no checkpoint, or a checkpoint of another architecture, vocabulary or data;
            the message says what differs.
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
    """Return a message about two long lists: their lengths and their first difference."""
    pairs = enumerate(zip(found, wanted, strict=False))
    index = next((index for index, (there, here) in pairs if there != here), None)
    first = "" if index is None else f"; number {index} is {found[index]!r} there and {wanted[index]!r} here"
    return f"{name} has {len(found)} entries there and {len(wanted)} here{first}"


def save_state(path: str | Path, tree: Any, key: str) -> None:
    """Write the state of a running job: any nesting of dicts, lists, tuples, tensors and plain values.

    It can hold a whole training run: `state_dict()` of models and optimisers, states of random generators, the step.

    Args:
        path: the `.safetensors` file, in the job's work folder.
        tree: the state.
        key: hash of the settings that the state belongs to; `load_state` ignores it under another key.
    """
    tensors: dict[str, torch.Tensor] = {}
    skeleton = _split(tree, tensors)
    save(path, tensors, {"key": key, "skeleton": skeleton})


def load_state(path: str | Path, key: str) -> Any | None:
    """Return what `save_state` wrote; None if there is no such file, or it belongs to other settings."""
    try:
        tensors, meta = load(path, {"key": key})
    except UserError:
        return None
    return _join(meta["skeleton"], tensors)


def _split(tree: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Replace tensors by names, and tag containers, because JSON has neither tuples nor integer keys."""
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
    """Yield the folder beside `output` where a job saves its state while it runs; remove it on success.

    Snakemake deletes the declared outputs of a failed or killed job, but not this folder, so the next run of the
    job resumes from the state in it.
    """
    folder = Path(output).with_suffix(".work")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)  # another process of the same job may have removed it
