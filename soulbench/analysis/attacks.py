"""What attacks find, beyond what they find of models that never saw the targets: attacks.csv and leaks.csv.

Every attack has one form, whether its numbers come from a job of its own or from the record of an evaluation (the
update leak, who is identified, the paper's queries): a value, and the control, the mean over the models that never saw
the request's targets. A method leaks where the attacker is better off than with the control by more than what counts.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from soulbench.analysis import methods, update_leak
from soulbench.analysis.arrays import RunArrays
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import NEGLIGIBLE, Evidence
from soulbench.analysis.findings import Finding, corrected
from soulbench.analysis.scoreboard import answer
from soulbench.analysis.statistics import holm_of_tested, mean_of_requests
from soulbench.config import attacks as planned_attacks
from soulbench.config import runs
from soulbench.core.columns import ATTACKED, TABLES
from soulbench.core.damage import DamagedFile
from soulbench.core.paths import ResultPaths
from soulbench.core.records import read_json
from soulbench.core.tables import read_csv
from soulbench.core.terms import (
    BANK,
    IDENTITY,
    IDENTITY_UNITS,
    LEAK,
    LEAK_UNITS,
    NO_QUERY,
    RESEED,
    TASKS,
    UNITS,
)

#: What is there of the targets without an attack, listed among attacks, so that one sees what they add. The name of an
#: attack's file has no space.
NO_ATTACK = "no attack"
#: Dimension of metrics.csv that is an attack -> its metrics and units, all better for the attacker when greater.
DIMENSIONS: Mapping[str, Mapping[str, str]] = {
    LEAK: LEAK_UNITS,
    IDENTITY: {name: IDENTITY_UNITS[name] for name in ("mrr", "rank1")},
}
#: Which of them the verdict is about.
JUDGED_DIMENSION = {LEAK: "auc", IDENTITY: "mrr"}
#: What is measured without an attack, and of the paper's queries.
ERROR = "error"
#: Unit -> by how much the attacker must be better off for a leak: what an eye can see; one pair in twenty; as little of
#: a reciprocal place. Without such a margin, a method as good as retraining could not be told to leak nothing.
COUNTS = {
    UNITS[PRIMARY]: NEGLIGIBLE[PRIMARY],
    LEAK_UNITS["auc"]: update_leak.COUNTS,
    IDENTITY_UNITS["mrr"]: 0.05,
}
#: Unit -> the least by which the number of one run can be another, where it is a place (`Bootstrap.widened`).
STEP = {IDENTITY_UNITS["mrr"]: 0.5, IDENTITY_UNITS["rank1"]: 1.0, LEAK_UNITS["rank1"]: 1.0}


class Judged(NamedTuple):
    """What the verdict on an attack rests on.

    Attributes:
        metric: the metric.
        unit: its unit.
        sign: +1 if the attacker is better off where it is greater, else -1.
    """

    metric: str
    unit: str
    sign: int


def attack_rows(
    config: dict[str, Any], paths: ResultPaths, metrics: pd.DataFrame, queries: pd.DataFrame
) -> pd.DataFrame:
    """Return attacks.csv: every number of every attack, with its control beside it.

    Args:
        config: the resolved configuration.
        paths: of the benchmark.
        metrics, queries: the tables of that name.
    """
    plain, asked = (_of_queries(queries, plain) for plain in (True, False))
    frames = [plain, *_own(config, paths), *_of_dimensions(metrics), asked]
    frame = pd.concat([one for one in frames if len(one)], ignore_index=True)
    frame = frame[frame["method"] != RESEED]
    is_bank = frame["method"] == BANK
    out = (
        {request: runs.out_models(config, request) for request in frame["request"].unique()}
        if is_bank.any()
        else {}
    )
    never_saw = [
        method != BANK or seed in out[request]
        for method, request, seed in zip(frame["method"], frame["request"], frame["seed"], strict=True)
    ]
    frame = frame[never_saw]
    keys = ["attack", "request", "task", "budget", "metric"]
    control = frame[frame["method"] == planned_attacks.control(config)]
    means = control.groupby(keys, dropna=False)["value"].mean().rename("control").reset_index()
    frame = frame.merge(means, on=keys, how="left")
    order = {name: place for place, name in enumerate(methods.ordered(config, set(frame["method"])))}
    frame = frame.sort_values("method", key=lambda names: names.map(order), kind="stable")
    return frame[list(TABLES["attacks"])].reset_index(drop=True)


def _own(config: dict[str, Any], paths: ResultPaths) -> Iterator[pd.DataFrame]:
    """Yield what the attacks' own jobs measured."""
    for run in planned_attacks.planned(config):
        record = paths.attack(*run, "json")
        try:
            digest = read_json(record)["digests"][planned_attacks.TABLE]
        except (KeyError, TypeError):
            raise DamagedFile(record, f"it has no digest of {planned_attacks.TABLE}") from None
        yield read_csv(paths.attack(*run, "csv"), ATTACKED, digest=digest).assign(**run._asdict())


def _of_dimensions(metrics: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the attacks that an evaluation makes beside its metrics."""
    for dimension, units in DIMENSIONS.items():
        rows = metrics[(metrics["dimension"] == dimension) & metrics["metric"].isin(units)]
        columns = ["method", "request", "seed", "task", "metric", "unit", "value"]
        yield rows[columns].assign(attack=dimension, budget=np.nan, status="ok")


def _of_queries(queries: pd.DataFrame, plain: bool) -> pd.DataFrame:
    """Return the primary target's error, which all attacks are about: without any, or under the paper's queries."""
    rows = queries[(queries["metric"] == PRIMARY) & ((queries["query"] == NO_QUERY) == plain)]
    columns = ["method", "request", "seed", "task", "status", "value"]
    names = [NO_ATTACK if plain else planned_attacks.QUERY.format(query) for query in rows["query"]]
    return rows[columns].assign(attack=names, budget=np.nan, metric=ERROR, unit=UNITS[PRIMARY])


def judged(config: dict[str, Any], attack: str) -> Judged:
    """Return what the verdict on an attack rests on."""
    if attack in JUDGED_DIMENSION:
        metric = JUDGED_DIMENSION[attack]
        return Judged(metric, DIMENSIONS[attack][metric], 1)
    if attack in planned_attacks.names(config):
        code = planned_attacks.attack(config, attack)
        unit, side = code.metrics[code.judged]
        return Judged(code.judged, unit, 1 if side == "greater" else -1)
    return Judged(ERROR, UNITS[PRIMARY], -1)


def leaks(evidence: Evidence, attacks: pd.DataFrame) -> pd.DataFrame:
    """Return leaks.csv: for each attack, method and task the verdict's number, its control, and whether it leaks.

    The number is that of the greatest budget. Holm's correction is over the paper's methods of an attack and task, and
    over those beyond the paper.
    """
    rows = list[tuple[Any, ...]]()
    config, measured = evidence.config, attacks[attacks["value"].notna()]
    for attack in dict.fromkeys(measured["attack"]):
        what = judged(config, attack)
        of_attack = measured[(measured["attack"] == attack) & (measured["metric"] == what.metric)]
        if of_attack["budget"].notna().any():
            of_attack = of_attack[of_attack["budget"] == of_attack["budget"].max()]
        arrays, control = _arrays(evidence, of_attack)
        for task in TASKS:
            names = [
                name
                for name in methods.ordered(config, set(of_attack["method"]))
                if name != planned_attacks.control(config) and (name, task) in arrays
            ]
            rows += _rows(evidence, attack, task, what, names, arrays, control, of_attack["budget"].max())
    return pd.DataFrame(rows, columns=list(TABLES["leaks"]))


def _arrays(evidence: Evidence, rows: pd.DataFrame) -> tuple[RunArrays, RunArrays]:
    """Return the values [requests, seeds] by (method, task), and those of the control by (task,)."""
    own = RunArrays(rows[rows["method"] != BANK], ("method", "task"), evidence.axes)
    of_control = rows[rows["method"] == planned_attacks.control(evidence.config)]
    columns = sorted(set(of_control["seed"])) or [0]
    axes = pd.MultiIndex.from_product([own.requests, columns], names=["request", "seed"]).to_frame(
        index=False
    )
    return own, RunArrays(of_control, ("task",), axes)


def _rows(
    evidence: Evidence,
    attack: str,
    task: str,
    what: Judged,
    names: list[str],
    arrays: RunArrays,
    control: RunArrays,
    budget: float,
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of one attack and task."""
    threshold, widened = COUNTS.get(what.unit, 0.0), evidence.bootstrap.widened
    found = {}
    for name in names:
        if attack == LEAK:  # beside this control, there is exact retraining
            found[name] = update_leak.stands_out(evidence, name, task)
            continue
        excess = evidence.bootstrap.excess(arrays[name, task], control[task,], what.sign)
        found[name] = Finding.above(widened(excess, STEP.get(what.unit, 0.0)), threshold, what.unit)
    # References are not judged against each other: their answers are not corrected.
    stands, adjusted = dict[str, bool | None](), dict[str, float]()
    for family in methods.families(evidence.config, names):
        listed = [found[name] for name in family]
        stands |= zip(family, corrected(listed, evidence.level), strict=True)
        p_values = np.array([one.p for one in listed], dtype=float)
        adjusted |= zip(family, holm_of_tested(p_values).tolist(), strict=True)
    for name in names:
        own = widened(evidence.bootstrap.interval(arrays[name, task]), STEP.get(what.unit, 0.0))
        excess = found[name].effect
        yield (
            *(attack, name, task, what.metric, what.unit, budget),
            *(own.mean, own.low, own.high, mean_of_requests(control[task,])),
            *(excess.mean, excess.low, excess.high, found[name].threshold, found[name].p),
            adjusted.get(name, np.nan),
            *(answer(stands.get(name, found[name].holds)), answer(found[name].holds)),
            *(excess.requests, excess.seeds),
        )
