"""Claim C9: what unlearning costs against retraining."""

from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.arrays import Cubes
from soulbench.analysis.claims.latent import of_logarithm
from soulbench.analysis.claims.parts import Part, Verdict, every, judge
from soulbench.analysis.statistics import Bootstrap, request_means
from soulbench.core.terms import ALL_REQUESTS

# "About 1/30": within a factor of two either way.
CLAIMED, ABOUT = 1 / 30, 2.0
# "Far less": an order of magnitude below fine-tuning.
FAR_LESS = 1 / 10


def seconds_by_family(jobs: pd.DataFrame) -> Cubes:
    """Return logarithms of seconds, cells [requests, seeds] by family, averaged over its methods.

    Per-request jobs only.
    """
    kept = jobs[
        (jobs["request"] != ALL_REQUESTS) & (jobs["seconds"] > 0) & (jobs["method"] != "retrain-sample")
    ]
    means = np.log(kept["seconds"]).groupby([kept["family"], kept["request"], kept["seed"]]).mean()
    return Cubes(means.rename("value").reset_index(), ("family",))


def c9(tables: Any) -> Verdict:
    """Geometric mean ratios, request by request: fine-tuning 1/60 to 1/15 of retraining.

    Redaction under 1/10 of that.
    """
    cells, bootstrap = seconds_by_family(tables.jobs), Bootstrap.of(tables.config)
    by_request = {
        name: request_means(cells[(name,)])[:, None] for name in ("finetune", "redaction", "retrain")
    }
    tuned = of_logarithm(bootstrap, by_request["finetune"] - by_request["retrain"])
    redacted = of_logarithm(bootstrap, by_request["redaction"] - by_request["finetune"])
    low, high = tuned.above(CLAIMED / ABOUT), tuned.above(CLAIMED * ABOUT)
    within = every([low, None if high is None else not high])
    dearer = redacted.above(FAR_LESS)
    parts = [
        Part("fine-tuning costs 1/60 to 1/15 of retraining", within, tuned, "of retraining"),
        Part(
            "redaction costs under 1/10 of fine-tuning",
            None if dearer is None else not dearer,
            redacted,
            "of fine-tuning",
        ),
    ]
    return judge(parts, _steps(tables.config))


def _steps(config: dict[str, Any]) -> str:
    """Return what the ratio follows from: the configured steps, so it is a choice as much as a finding."""
    short = config["unlearning"]
    stages = [config["training"][name] for name in ("pretrain", "finetune")]
    images = sum(stage["steps"] * stage["batch"] for stage in stages)
    own = short["steps"] * short["batch"]
    return f"the ratio follows from configured steps: {own} images of {images}, 1/{images / max(own, 1):.0f}"
