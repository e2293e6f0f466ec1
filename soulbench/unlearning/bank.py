"""Train one model of the bank: from scratch, without the objects of several requests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from soulbench.core.log import Log
from soulbench.core.model_record import ModelRecord, write_model_record
from soulbench.core.running_state import work_folder
from soulbench.core.seeds import derive_seed
from soulbench.core.terms import ALL_REQUESTS, BANK
from soulbench.training.dataset import BenchmarkData
from soulbench.training.stages import SNAPSHOT_IMAGES, monitor_for, origin
from soulbench.unlearning.edits import apply_plan, subset_of
from soulbench.unlearning.plan import Plan
from soulbench.unlearning.run import retrain


def retrain_for_bank(
    config: Mapping[str, Any],
    number: int,
    left_out: Sequence[str],
    data_dir: str,
    out_model: str,
    source: str,
    log: Log,
) -> None:
    """Train a model of the bank; write its checkpoint, record, curves and snapshots.

    What is left out is left out as by the method `retrain`. The training seed is none of the original models'.

    Args:
        config: the whole configuration.
        number: of the model.
        left_out: ids of the requests whose targets the model never sees.
        data_dir: `results/<name>/data`.
        out_model: the checkpoint to write.
        source: hash of the sources, for the record.
        log: takes a line.
    """
    data = BenchmarkData.open(config, data_dir)
    targets = dict.fromkeys(target for name in left_out for target in data.requests[name].targets)
    changes = apply_plan(data, Plan(edits=subset_of(data).leave_out(targets)))
    seed = derive_seed(config["seed"], "bank model", number)
    made_by = origin(config, {**config, "left_out": list(left_out)}, seed, source)
    with work_folder(out_model, made_by) as work:
        monitor = monitor_for(data, data.subset[:SNAPSHOT_IMAGES], out_model)
        networks, result = retrain(data, data.networks(seed), changes, seed, work, log, monitor)
        if monitor.batch is None:  # not the first of several processes
            return
        networks.save(out_model, seed=seed, left_out=list(left_out))
        monitor.save(out_model)
        record = ModelRecord(
            method=BANK,
            request=ALL_REQUESTS,
            seed=number,
            level="reference",
            family="retrain",
            **vars(result),
            **made_by,
        )
        write_model_record(Path(out_model).with_suffix(".json"), record)
