"""The record that every training run writes beside its checkpoint, as far as others read it."""

from pathlib import Path

import msgspec

from soulbench.core.errors import UserError


class Timing(msgspec.Struct):
    """What a training run cost.

    Attributes:
        seconds: wall time.
        peak_mib: peak memory in MiB.
        steps: updates of the weights, or iterations of the solver.
    """

    seconds: float
    peak_mib: float
    steps: int


class ModelRecord(msgspec.Struct):
    """The record of one model; fields that nothing reads are ignored."""

    timing: Timing


def read_model_record(path: str | Path) -> ModelRecord:
    """Read the record of a model.

    Raises:
        UserError: the file is absent, or a field is missing or of another type; the message names both.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=ModelRecord)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such record; run the rule that writes it") from None
    except msgspec.DecodeError as error:
        raise UserError(f"{path}: not the record of a model: {error}") from None
