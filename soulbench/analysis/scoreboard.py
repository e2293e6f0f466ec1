"""scoreboard.csv: what each method forgets and damages, one row for each operating point, method and task.

The answers of a column are those that stand after Holm's correction over the methods of the task and group; those
without it are beside them. References are not compared with each other, so theirs are not corrected.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import pandas as pd

from soulbench.analysis import identity, methods
from soulbench.analysis.band import (
    DIFFERENT,
    FORGOTTEN,
    NOT_FORGOTTEN,
    OVERSHOT,
    PARTLY,
    REMOVED,
    UNDECIDED,
    verdict,
)
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import NOOP, Evidence
from soulbench.analysis.findings import Finding, corrected
from soulbench.analysis.statistics import mean_of_requests, paired
from soulbench.core.columns import TABLES
from soulbench.core.terms import AS_DESCRIBED, IDENTITY, RESEED, TASKS

# What a method may damage.
RETAINED = ("A2", "A3", "retained_error", "heldout_error")
# What a method does that is certain to forget the target, or at least to remove it: kept, unclear, damaged.
FORGETS = ("forgets it, keeps the rest", "forgets it, damage unclear", "forgets it, damages the rest")
REMOVES = ("removes it, keeps the rest", "removes it, damage unclear", "removes it, damages the rest")
COLLAPSED_WORD = "collapsed"
TOO_FEW = "too few requests"
OUTCOMES = {
    NOT_FORGOTTEN: "it stays",
    PARTLY: "forgets it in part",
    DIFFERENT: "forgets it, draws something else",
    OVERSHOT: "overshoots",
    UNDECIDED: UNDECIDED,
}
#: Where pixels and identity do not agree.
STILL_IDENTIFIED = "gone in pixels, still identified"
NOT_IDENTIFIED = "stays in pixels, no longer identified"
#: The questions that `band.verdict` needs, in its order.
QUESTIONS = ("removed", "remembered", "beyond", "unlike")
Answers = dict[str, bool | None]


def answer(holds: bool | None) -> str:
    """Return an answer as a word."""
    return {True: "yes", False: "no", None: "unclear"}[holds]


def findings(evidence: Evidence, method: str, task: str) -> dict[str, Finding]:
    """Return the answer to each question about a method in a task, before any correction."""
    asked = {name: getattr(evidence, name)(method, task) for name in (*QUESTIONS, "collapsed")}
    asked["identified"] = identity.identified(evidence, method, task)
    return {**asked, **{name: evidence.damaged(method, task, name) for name in RETAINED}}


def outcome(found: dict[str, Finding], answers: Answers) -> str:
    """Return the outcome of a method in a task as one phrase."""
    if answers["collapsed"]:
        return COLLAPSED_WORD
    what = verdict(*(answers[name] for name in QUESTIONS))
    if _disagree(what, answers["identified"]):
        return STILL_IDENTIFIED if answers["identified"] else NOT_IDENTIFIED
    if what not in (FORGOTTEN, REMOVED):
        return OUTCOMES[what]
    kept, unclear, hurt = FORGETS if what == FORGOTTEN else REMOVES
    # A dimension of which nothing was measured, as without a relative in other images, does not count.
    damaged = [answers[name] for name in RETAINED if found[name].effect.requests]
    if any(damaged):
        return hurt
    return unclear if None in damaged else kept


def _disagree(what: str, identified: bool | None) -> bool:
    """Tell whether pixels say that the target is gone where it is identified, or that it stays where it is not.

    A target that is forgotten in part may be either.
    """
    return what not in (UNDECIDED, PARTLY) and identified is (what != NOT_FORGOTTEN)


def _in_words(what: str, identified: bool | None, note: str) -> str:
    """Return what identity says of the target beside the verdict by pixels."""
    if identified is None:
        return note or "identity is undecided"
    words = "still identified" if identified else "no longer identified"
    if what == UNDECIDED:
        return words
    return f"{'identity does not agree' if _disagree(what, identified) else 'identity agrees'}: {words}"


def scoreboard(points: Mapping[str, Evidence]) -> pd.DataFrame:
    """Return scoreboard.csv: every operating point, method and task. What a method costs is in timing.csv.

    A reference has one budget and is listed as described alone.
    """
    tables = []
    for point, evidence in points.items():
        table = _at(evidence)
        shown = (
            evidence.methods
            if point == AS_DESCRIBED
            else methods.unlearners(evidence.config, evidence.methods)
        )
        tables.append(table[table["method"].isin(shown)].assign(operating_point=point))
    return pd.concat(tables, ignore_index=True)[list(TABLES["scoreboard"])]


def _at(evidence: Evidence) -> pd.DataFrame:
    """Return the rows of one operating point."""
    in_order = methods.ordered(evidence.config, evidence.methods)
    families = methods.families(evidence.config, evidence.methods)
    rows = {}
    for task in TASKS:
        found = {name: findings(evidence, name, task) for name in in_order}
        stands = {name: {question: item.holds for question, item in found[name].items()} for name in in_order}
        for question, names in itertools.product(found[in_order[0]], families):
            family = corrected([found[name][question] for name in names], evidence.level)
            for name, holds in zip(names, family, strict=True):
                stands[name][question] = holds
        beside = _references(evidence, task)
        for name in in_order:
            rows[name, task] = _row(evidence, name, task, found[name], stands[name]) | beside
    return pd.DataFrame([rows[name, task] for name in in_order for task in TASKS])


def _references(evidence: Evidence, task: str) -> dict[str, float]:
    """Return what another training seed (F_s) and retraining change beyond noop-ft: shown, never an excuse."""
    beside = {}
    for name in RETAINED:
        seed, retrained = evidence.error(RESEED, task, name), evidence.retrained(task, name)
        for column, errors in (("seed", seed), ("retrain", retrained)):
            both = paired(errors, evidence.error(NOOP, task, name))
            beside[f"harm_{column}_{name}"] = mean_of_requests(both[0]) - mean_of_requests(both[1])
    return beside


def _row(
    evidence: Evidence, method: str, task: str, found: dict[str, Finding], stands: Answers
) -> dict[str, Any]:
    """Return one row; shares are of the way from the original (0) to the retrained model (1)."""
    plain = {question: item.holds for question, item in found.items()}
    share = found["removed"].effect
    few = share.requests < evidence.bootstrap.min_requests
    inside, removed, memorised = evidence.counts(method, task)
    row = {
        "method": method,
        "level": methods.level(evidence.config, method),
        "group": methods.group(evidence.config, method),
        "task": task,
        "forgotten": share.mean,
        "forgotten_low": share.low,
        "forgotten_high": share.high,
        "band": evidence.band(task, PRIMARY).half_width,
        "requests_inside": inside,
        "requests_removed": removed,
        "requests_memorised": memorised,
        "identity": mean_of_requests(evidence.arrays[method, task, IDENTITY, identity.PRIMARY]),
        "identity_retrain": mean_of_requests(evidence.retrained(task, IDENTITY, identity.PRIMARY)),
        "collapsed": answer(stands["collapsed"]),
        "collapsed_share": found["collapsed"].effect.mean,
        "n_requests": share.requests,
        "n_seeds": share.seeds,
    }
    for suffix, answers in (("", stands), ("_uncorrected", plain)):
        row[f"outcome{suffix}"] = TOO_FEW if few else outcome(found, answers)
        row[f"verdict{suffix}"] = verdict(*(answers[name] for name in QUESTIONS))
        row[f"removed{suffix}"] = answer(answers["removed"])
        row[f"identified{suffix}"] = answer(answers["identified"])
        row |= {f"damaged{suffix}_{name}": answer(answers[name]) for name in RETAINED}
    by_pixels = verdict(*(stands[name] for name in QUESTIONS))
    row["identity_note"] = _in_words(by_pixels, stands["identified"], found["identified"].note)
    for column, question in (("sod", "remembered"), ("excess_A1", "unlike"), ("identity_kept", "identified")):
        row |= _ends(column, "", found[question])
    for name in RETAINED:
        row |= _ends("harm", f"_{name}", found[name]) | {f"harm_note_{name}": found[name].note}
    return row


def _ends(column: str, suffix: str, finding: Finding) -> dict[str, float]:
    effect = finding.effect
    return {
        f"{column}{suffix}": effect.mean,
        f"{column}_low{suffix}": effect.low,
        f"{column}_high{suffix}": effect.high,
    }
