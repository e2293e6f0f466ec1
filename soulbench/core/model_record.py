"""The record of a trained or unlearned model: what made it, at which cost, and from what.

A job writes it beside its checkpoint (`soulbench.core.paths.beside(checkpoint, "json")`).
"""

from pathlib import Path
from typing import Any

import msgspec

from soulbench.core.damage import DamagedFile
from soulbench.core.errors import UserError
from soulbench.core.records import write_json


class Timing(msgspec.Struct, frozen=True):
    """What a model cost to make, without the start-up of its job.

    Attributes:
        seconds: wall-clock time of the steps, over all attempts of an interrupted job.
        peak_mib: peak memory in MiB; of the GPU where one computes, of the process otherwise.
        steps: updates of a training stage, or products with the Hessian of a redaction.
        shareable: those of the seconds in which the Fisher information of the retained images was computed. Other
            requests compute the same, but for their target images, so that it could be computed once for all of them.
    """

    seconds: float
    peak_mib: float
    steps: int
    shareable: float = 0.0


class Solver(msgspec.Struct, frozen=True):
    """How well a redaction's linear system was solved (`soulbench.unlearning.influence.Solution`).

    Attributes:
        residual: relative residual; None in a file stands for a number that is not finite.
        iterations: products with the Hessian that the solver used.
        converged: whether the residual is at most the tolerance.
        damping: value that was added to the diagonal of the Hessian.
        step_norm: Euclidean norm of the parameter change, before alpha; None as for the residual.
        parameters: number of redacted values.
    """

    residual: float | None
    iterations: int
    converged: bool
    damping: float
    step_norm: float | None
    parameters: int


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record of one model.

    Attributes:
        method: the configured id of a method; `pretrained` or `original` for the two training stages.
        request: the request that the model serves, or `ALL_REQUESTS`.
        seed: training seed.
        level, family: of the method, as in `soulbench.core.registry`.
        timing: what it cost. The original model's excludes its pre-training, which has a record of its own.
        images: images seen while training, repetitions counted; None for a redaction.
        losses: the last losses by part; None for a redaction.
        solver: how well a redaction was solved; None for a trained model.
        parameters: the settings of its job; those of a method also resolved, defaults included, as `method`.
        seeds: by role.
        source_hash, lock_hash, versions, device, commit: as in `soulbench.core.records.provenance`.
    """

    method: str
    request: str
    seed: int
    level: str
    family: str
    timing: Timing
    images: int | None = None
    losses: dict[str, float] | None = None
    solver: Solver | None = None
    parameters: dict[str, Any]
    seeds: dict[str, int]
    source_hash: str
    lock_hash: str | None
    versions: dict[str, str]
    device: str
    commit: str | None


def write_model_record(path: str | Path, record: ModelRecord) -> None:
    """Write a record as JSON with sorted keys."""
    write_json(path, msgspec.to_builtins(record))


def read_model_record(path: str | Path) -> ModelRecord:
    """Read and validate a record.

    Raises:
        UserError: there is no such file, or it is not a record of a model; names the file and the field.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=ModelRecord)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; run the rule that makes the model") from None
    except msgspec.DecodeError as error:
        raise DamagedFile(path, f"not the record of a model: {error}") from None
