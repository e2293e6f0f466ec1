"""Checkpoints: safetensors files with JSON metadata and a checksum, written whole or not at all, never unpickled."""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from soulbench.core.damage import DamagedFile
from soulbench.core.differences import ABSENT, differences
from soulbench.core.errors import UserError
from soulbench.core.records import atomic_path, canonical_json, content_hash

# One key only: safetensors writes several keys in an order that changes from run to run, and equal models must be
# equal bytes.
KEY = "soulbench"


def checksum(tensors: Mapping[str, torch.Tensor], meta: Any = None) -> str:
    """Return the SHA-256 of tensors, with their names, types and shapes, and of plain values."""
    names = sorted(tensors)
    described = [[name, str(tensors[name].dtype), list(tensors[name].shape)] for name in names]
    values = (tensors[name].detach().cpu().flatten().view(torch.uint8).numpy() for name in names)
    return content_hash(values, [described, meta])


def save(path: str | Path, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically.

    Args:
        path: the `.safetensors` file.
        tensors: tensors by name, of any shape and device; tied tensors are stored under each of their names.
        meta: plain values: architecture sizes, vocabulary hash, data hash, step, ...

    Raises:
        UserError: the disk is full, or the folder cannot be written to.
    """
    stored = {name: tensor.detach().to("cpu").clone().contiguous() for name, tensor in tensors.items()}
    text = canonical_json({"checksum": checksum(stored, meta), "meta": meta})
    with atomic_path(path) as part:
        try:
            save_file(stored, part, metadata={KEY: text})
        except SafetensorError as error:
            number = re.search(r"os error (\d+)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from None


def load(
    path: str | Path, expect: Mapping[str, Any] | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the tensors of a checkpoint by name, and its metadata.

    Args:
        path: the `.safetensors` file.
        expect: metadata that must be equal; keys that it lacks are not compared.

    Raises:
        UserError: the file is absent, damaged, or a checkpoint of another architecture, vocabulary or data; the
            message says what differs.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such checkpoint")
    sys.audit("open", str(path), "r", 0)  # compiled, safetensors raises no event (soulbench.unlearning.guard)
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except SafetensorError as error:
        why = f"not a checkpoint: a whole .safetensors file is needed, pickles are never read: {error}"
        raise DamagedFile(path, why) from None
    if text is None:
        raise DamagedFile(path, "a .safetensors file, but not a checkpoint written by soulbench")
    try:
        stored = json.loads(text)
        found, meta = stored["checksum"], stored["meta"]
    except (ValueError, KeyError, TypeError):
        raise DamagedFile(path, "it holds no checksum") from None
    if found != checksum(tensors, meta):
        raise DamagedFile(path, "its checksum is that of another content")
    unlike = [
        text
        for key, value in json.loads(canonical_json(expect or {})).items()
        for text in differences(meta.get(key, ABSENT), value, key)
    ]
    if unlike:
        raise UserError(f"{path}: a checkpoint of another model: {'; '.join(unlike)}")
    return tensors, meta
