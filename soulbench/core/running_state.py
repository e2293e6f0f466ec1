"""The state of a running training: kept in a work folder, and resumed only by the training that it belongs to."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from soulbench.core.checkpoint import load, save
from soulbench.core.damage import DamagedFile
from soulbench.core.differences import differences
from soulbench.core.log import Log
from soulbench.core.records import canonical_json, explained_writing

NAMED = 3  # differences that the log names
#: Parts of a provenance that change no result: source hash and versions hold what a job uses of them.
NEUTRAL = ("commit", "lock_hash")


@dataclass(frozen=True)
class RunningState:
    """The file of one training's state.

    Attributes:
        path: the `.safetensors` file.
        key: everything that the result of the training depends on, as plain values.
    """

    path: Path
    key: Mapping[str, Any]

    def save(self, tree: Any) -> None:
        """Write the state: any nesting of dicts, lists, tuples, tensors and plain values.

        It can hold a whole training run: `state_dict()` of models and optimisers, states of random generators, the
        step.
        """
        tensors: dict[str, torch.Tensor] = {}
        skeleton = _split(tree, tensors)
        save(self.path, tensors, {"key": self.key, "skeleton": skeleton})

    def load(self, log: Log, put_aside: bool = True) -> Any | None:
        """Return what `save` wrote; None if there is no file, or it is damaged or of another training.

        Args:
            log: takes a line that says what is wrong with the file.
            put_aside: whether a file that is not resumed is renamed, so that the next state does not overwrite it.
        """
        if not self.path.is_file():
            return None
        try:
            tensors, meta = load(self.path)
        except DamagedFile as error:
            reason = f"damaged ({error.why})"
        else:
            key = json.loads(canonical_json(self.key))
            unlike = [
                text for name in key for text in differences(meta.get("key", {}).get(name), key[name], name)
            ]
            if not unlike:
                return _join(meta["skeleton"], tensors)
            more = f", and {len(unlike) - NAMED} more" if len(unlike) > NAMED else ""
            reason = f"of another training ({'; '.join(unlike[:NAMED])}{more})"
        aside = self.path.with_suffix(".put-aside.safetensors")
        if put_aside:
            self.path.replace(aside)
        log(f"{self.path} is {reason}: it is put aside as {aside.name}, and training starts anew")
        return None


@dataclass(frozen=True)
class WorkFolder:
    """The folder where a job keeps the states of its running trainings.

    Attributes:
        path: the folder.
        origin: provenance of the job's result (`soulbench.core.records.provenance`).
    """

    path: Path
    origin: Mapping[str, Any]

    def state(self, stage: str, inputs: Mapping[str, Any]) -> RunningState:
        """Return the state of a stage.

        Args:
            stage: its name.
            inputs: what its result depends on besides the origin: the content of what it reads.
        """
        key = {name: value for name, value in self.origin.items() if name not in NEUTRAL}
        return RunningState(self.path / f"{stage.replace(' ', '-')}.safetensors", key | dict(inputs))

    def networks(self, step: int) -> Path:
        """Return the checkpoint of the networks as they were after a step."""
        return self.path / f"step-{step}.networks.safetensors"

    def kept(self, step: int) -> Path:
        """Return the file of the training's state as it was after a step."""
        return self.path / f"step-{step}.state.safetensors"


@contextlib.contextmanager
def work_folder(output: str | Path, origin: Mapping[str, Any]) -> Iterator[WorkFolder]:
    """Yield the folder beside `output` where a job saves its state while it runs; remove it on success.

    Snakemake deletes the declared outputs of a failed or killed job, but not this folder, so the next run of the
    job resumes from the state in it.

    Args:
        output: the file that the job writes.
        origin: as in `WorkFolder`.

    Raises:
        UserError: the folder cannot be written to.
    """
    folder = Path(output).with_suffix(".work")
    with explained_writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    yield WorkFolder(folder, origin)
    shutil.rmtree(folder, ignore_errors=True)  # another process of the same job may have removed it


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
