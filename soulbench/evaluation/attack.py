"""Make one attack on the models of a method and training seed, for all its requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soulbench.config import attacks
from soulbench.core import device as devices
from soulbench.core.columns import ATTACKED
from soulbench.core.device import Meter
from soulbench.core.errors import UserError
from soulbench.core.log import Log, Progress
from soulbench.core.records import atomic_path, file_hash, write_json
from soulbench.core.tables import write_csv
from soulbench.core.terms import TASKS
from soulbench.evaluation.attacked import OK, Attacked, Outcome
from soulbench.evaluation.context import RequestContext
from soulbench.training.dataset import BenchmarkData
from soulbench.training.stages import origin


@dataclass(frozen=True)
class AttackCase:
    """One request for which a model is attacked.

    Attributes:
        request: its id.
        model: the checkpoint.
        original: the original model's checkpoint.
        record: folder of the model's record.
        before: folder of the original model's record.
        moments: with which the method's Adam starts, if the attack runs the method; None for none.
        shadows: folders of the records of other models (`soulbench.config.attacks.Shadows`), if the attack needs them.
    """

    request: str
    model: str
    original: str
    record: Path
    before: Path
    moments: str | None = None
    shadows: Mapping[str, Sequence[Path]] = field(default_factory=dict)


def attack(
    config: Mapping[str, Any],
    name: str,
    method: str,
    seed: int,
    cases: Sequence[AttackCase],
    data_dir: str | Path,
    out_csv: str,
    out_images: str,
    out_record: str,
    source: str,
    log: Log,
    requests: Sequence[str] | None = None,
) -> None:
    """Attack a method's models of one training seed; write the outcomes, the images kept for figures, and the record.

    Args:
        config: the configuration.
        name: id of the attack.
        method: id of the configured method; `original` and the controls are attacked as well.
        seed: the training seed; of the bank, the model's number.
        cases: one for each request for which these models are attacked.
        data_dir: results/<name>/data.
        out_csv, out_images, out_record: the files to write.
        source: hash of the sources, for the record.
        log: takes a line.
        requests: ids of all requests of the attack; None for those of the cases.

    Raises:
        UserError: the attack yields what it does not declare, or a value that is not finite.
    """
    device = devices.prepare(config["device"])
    data = BenchmarkData.open(config, data_dir)
    networks = data.networks(config["seed"])
    models = [
        Attacked(
            method=method,
            seed=seed,
            checkpoint=case.model,
            original=case.original,
            moments=case.moments,
            requests=tuple(case.request for case in cases) if requests is None else tuple(requests),
            record=case.record,
            before=case.before,
            context=RequestContext.of(data, data.requests[case.request]),
            data=data,
            networks=networks,
            device=device,
            shadows=case.shadows,
        )
        for case in cases
    ]
    code = attacks.attack(config, name)
    rows, images = list[dict[str, Any]](), dict[str, Any]()
    with Meter(device) as meter, Progress(f"{name} on {method}", len(cases), log) as progress:
        seen = set[str]()
        for outcome in code.run(models, attacks.parameters(config, name)):
            rows.append(_row(code, outcome))
            if outcome.image is not None:
                key = f"{outcome.request}/{outcome.task}/{outcome.metric}/{outcome.budget:g}"
                images[key] = outcome.image
            if outcome.request not in seen:
                seen.add(outcome.request)
                progress.advance()
    write_csv(pd.DataFrame(rows, columns=list(ATTACKED)), out_csv, float_format=None)
    with atomic_path(Path(out_images)) as path:
        np.savez_compressed(path, **images)
    provenance = origin(config, config, seed, source)
    about = {
        "attack": name,
        "method": method,
        "seed": seed,
        "requests": [case.request for case in cases],
    }
    digests = {"digests": {attacks.TABLE: file_hash(out_csv)}}
    write_json(out_record, {**about, "timing": meter.timing(0), **digests, **provenance})


def _row(code: attacks.Attack, outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as a row, checked against what its attack declares."""
    what = f"{code.source.path}: attack {code.id}, request {outcome.request}"
    if outcome.metric not in code.metrics:
        raise UserError(
            f"{what}: it yields the metric {outcome.metric!r}, which METRICS does not declare; declared: "
            f"{', '.join(code.metrics)}"
        )
    if outcome.task not in TASKS:
        raise UserError(f"{what}: there is no task {outcome.task!r}; allowed: {', '.join(TASKS)}")
    if (outcome.value is None) == (outcome.status == OK):
        raise UserError(f"{what}: an outcome needs a value, or a status that says why there is none")
    if outcome.value is not None and not np.isfinite(outcome.value):
        raise UserError(f"{what}: {outcome.metric} is {outcome.value}; a finite number is needed")
    unit = code.metrics[outcome.metric][0]
    return {
        "request": outcome.request,
        "task": outcome.task,
        "budget": outcome.budget,
        "metric": outcome.metric,
        "unit": unit,
        "value": outcome.value,
        "status": outcome.status,
    }
