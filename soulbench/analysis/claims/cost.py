"""Claim C9: what unlearning costs, compared with retraining."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.arrays import RunArrays
from soulbench.analysis.bootstrap import Bootstrap
from soulbench.analysis.claims.latent import geometric_mean
from soulbench.analysis.claims.parts import BY_CONSTRUCTION, Part, Verdict, between
from soulbench.analysis.claims.verdicts import concluded
from soulbench.analysis.costs import retraining
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.findings import Finding
from soulbench.analysis.methods import of_paper, unlearners
from soulbench.analysis.statistics import request_means
from soulbench.core.terms import ALL_REQUESTS, TASKS

# "About 1/30": within a factor of two either way.
CLAIMED, ABOUT = 1 / 30, 2.0
# "Far less": an order of magnitude below fine-tuning.
FAR_LESS = 1 / 10


def log_seconds(jobs: pd.DataFrame) -> RunArrays:
    """Return the logarithms of seconds by family, averaged over its methods.

    Only models that serve a single request count, without retrain-sample and
    retrain-person.
    """
    selected = jobs[
        (jobs["request"] != ALL_REQUESTS)
        & (jobs["seconds"] > 0)
        & ~jobs["method"].isin(["retrain-sample", "retrain-person"])
    ]
    keys = [selected["family"], selected["request"], selected["seed"]]
    means = np.log(selected["seconds"]).groupby(keys).mean()
    return RunArrays(means.rename("value").reset_index(), ("family",))


def c9(tables: Any) -> Verdict:
    """Conclude on C9: fine-tuning costs 1/60 to 1/15 of retraining, and redaction under 1/10 of fine-tuning.

    Both are geometric means of ratios, request by request and seed by seed. Both follow from the configured numbers of
    steps and products, so the verdict is `by construction`; what was measured is which methods reach the retrained
    models' band at that cost.
    """
    jobs = tables.jobs[tables.jobs["method"].isin(of_paper(tables.config, tables.jobs["method"].unique()))]
    arrays, bootstrap = log_seconds(jobs), Bootstrap.of(tables.config)
    finetune, redaction, exact = (arrays[(family,)] for family in ("finetune", "redaction", "retrain"))
    retrain = request_means(exact)[:, None]
    # What retraining costs does not depend on the request: a few exact models are enough, or those of the bank.
    retrain = np.where(np.isnan(retrain), np.log(retraining(tables.jobs)).mean(), retrain)
    tuned = geometric_mean(bootstrap, finetune - retrain)
    redacted = geometric_mean(bootstrap, redaction - finetune)
    within = between(tuned, CLAIMED / ABOUT, CLAIMED * ABOUT, "of retraining")
    cheaper = Finding.above(redacted, FAR_LESS, "of fine-tuning").negated()
    parts = [
        Part("fine-tuning costs 1/60 to 1/15 of retraining", within),
        Part("redaction costs under 1/10 of fine-tuning", cheaper),
    ]
    note = f"{_configured_ratio(tables.config)}; {_reached(tables.evidence, tables.jobs)}"
    measured = concluded(tables.evidence, parts, note)
    return replace(measured, verdict=BY_CONSTRUCTION, uncorrected=BY_CONSTRUCTION, power="")


def _reached(evidence: Evidence, jobs: pd.DataFrame) -> str:
    """Return which methods are in the band of the retrained models, and at what cost."""
    shares = jobs.groupby("method")["seconds"].median() / retraining(jobs).median()
    texts = []
    for task in TASKS:
        names = [
            name
            for name in of_paper(evidence.config, unlearners(evidence.config, evidence.methods))
            if evidence.remembered(name, task).holds is False and evidence.beyond(name, task).holds is False
        ]
        reached = [f"{name} at {shares[name]:.2g}" for name in names]
        texts.append(f"{', '.join(reached) or 'no method'} in {task}")
    return f"in the band of retraining, at a share of its cost: {'; '.join(texts)}"


def _configured_ratio(config: dict[str, Any]) -> str:
    """Return a note with the ratio of the configured steps: the ratio of costs is a choice as much as a finding."""
    stages = [config["training"][name] for name in ("pretrain", "finetune")]
    images = sum(stage["steps"] * stage["batch"] for stage in stages)
    unlearning = config["unlearning"]["steps"] * config["unlearning"]["batch"]
    ratio = f"1/{images / max(unlearning, 1):.0f}"
    return f"the ratio follows from configured steps: {unlearning} images of {images}, {ratio}"
