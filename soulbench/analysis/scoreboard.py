"""scoreboard.csv: what each method forgets and damages, one row for each method and task.

The answers of a column are those that stand after Holm's correction over the methods of the task and group; those
without it are beside them. References are not compared with each other, so theirs are not corrected.
"""

import itertools
from typing import Any

import pandas as pd

from soulbench.analysis import methods
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
from soulbench.core.terms import RESEED, TASKS

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
#: The questions that `band.verdict` needs, in its order.
QUESTIONS = ("removed", "remembered", "beyond", "unlike")
Answers = dict[str, bool | None]


def answer(holds: bool | None) -> str:
    """Return an answer as a word."""
    return {True: "yes", False: "no", None: "unclear"}[holds]


def findings(evidence: Evidence, method: str, task: str) -> dict[str, Finding]:
    """Return the answer to each question about a method in a task, before any correction."""
    asked = {name: getattr(evidence, name)(method, task) for name in (*QUESTIONS, "collapsed")}
    return {**asked, **{name: evidence.damaged(method, task, name) for name in RETAINED}}


def outcome(found: dict[str, Finding], answers: Answers) -> str:
    """Return the outcome of a method in a task as one phrase."""
    if answers["collapsed"]:
        return COLLAPSED_WORD
    what = verdict(*(answers[name] for name in QUESTIONS))
    if what not in (FORGOTTEN, REMOVED):
        return OUTCOMES[what]
    kept, unclear, hurt = FORGETS if what == FORGOTTEN else REMOVES
    # A dimension of which nothing was measured, as without a relative in other images, does not count.
    damaged = [answers[name] for name in RETAINED if found[name].effect.requests]
    if any(damaged):
        return hurt
    return unclear if None in damaged else kept


def scoreboard(evidence: Evidence) -> pd.DataFrame:
    """Return scoreboard.csv: every method and task. What a method costs is in timing.csv."""
    in_order = methods.ordered(evidence.config, evidence.methods)
    compared = methods.unlearners(evidence.config, evidence.methods)
    # Further methods are a family of their own: they do not change what is certain of the paper's.
    paper = methods.of_paper(evidence.config, compared)
    families = [names for names in (paper, [name for name in compared if name not in paper]) if names]
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
    table = pd.DataFrame([rows[name, task] for name in in_order for task in TASKS])
    return table[list(TABLES["scoreboard"])]


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
        "collapsed": answer(stands["collapsed"]),
        "collapsed_share": found["collapsed"].effect.mean,
        "n_requests": share.requests,
        "n_seeds": share.seeds,
    }
    for suffix, answers in (("", stands), ("_uncorrected", plain)):
        row[f"outcome{suffix}"] = TOO_FEW if few else outcome(found, answers)
        row[f"verdict{suffix}"] = verdict(*(answers[name] for name in QUESTIONS))
        row[f"removed{suffix}"] = answer(answers["removed"])
        row |= {f"damaged{suffix}_{name}": answer(answers[name]) for name in RETAINED}
    for column, question in (("sod", "remembered"), ("excess_A1", "unlike")):
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
