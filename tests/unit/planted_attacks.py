"""What planted attacks find: the surer the attacker is of a method's targets, and the greater the budget, the more."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from soulbench.config import attacks
from soulbench.config.runs import Run
from soulbench.core.columns import ATTACKED
from soulbench.core.records import file_hash, write_json
from soulbench.core.terms import TASKS, UNITS

if TYPE_CHECKING:
    from tests.unit.records_factory import Factory

#: Budgets of every planted attack; at the greatest the attacker is as sure as `PlantedMethod.leak` says.
BUDGETS = (1.0, 2.0, 4.0)
#: What a share of 1 is in grey levels.
GREY = 40.0


def outcomes(factory: "Factory", attack: attacks.Attack, run: attacks.AttackRun) -> pd.DataFrame:
    """Return the outcomes of one planted attack."""
    rows = []
    for request in attacks.requests_of(factory.settings, run):
        leak = factory.effects(Run(run.method, request, run.seed)).leak
        for task in TASKS:
            noise = factory.noise("attack", *run, request, task)
            for metric, (unit, side) in attack.metrics.items():
                scale = GREY if unit == UNITS["mae"] else 1.0
                for budget in BUDGETS:
                    share = np.clip(0.5 + (leak - 0.5) * budget / max(BUDGETS) + noise.normal(0, 0.01), 0, 1)
                    value = scale * (share if side == "greater" else 1 - share)
                    rows.append((request, task, budget, metric, unit, value, "ok"))
    return pd.DataFrame(rows, columns=list(ATTACKED))


def images(table: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    """Yield an image a request and task, by its key."""
    for request, task in table[["request", "task"]].drop_duplicates().itertuples(index=False):
        yield f"{request}/{task}/error/1", np.full((16, 16, 3), 90, np.uint8)


def write_attacks(factory: "Factory", provenance: dict) -> None:
    """Write the records of all planned attacks."""
    for run in attacks.planned(factory.settings):
        table = outcomes(factory, attacks.attack(factory.settings, run.attack), run)
        record, out, pictures = (
            Path(factory.paths.attack(*run, suffix)) for suffix in ("json", "csv", "npz")
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(out, index=False)
        np.savez_compressed(pictures, **dict(images(table)))
        timing = {"seconds": 1.0, "peak_mib": 500.0, "steps": 0}
        write_json(
            record, {**run._asdict(), "timing": timing, "digests": {"outcomes": file_hash(out)}, **provenance}
        )
