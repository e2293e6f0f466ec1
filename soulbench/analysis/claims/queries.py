"""Claim C8: whether a query brings the target back, compared with what it does to the reference models."""

import numpy as np

from soulbench.analysis.bootstrap import RETRAINED
from soulbench.analysis.claims.parts import Part, Verdict, untested
from soulbench.analysis.claims.verdicts import concluded
from soulbench.analysis.dimensions import PRIMARY
from soulbench.analysis.evidence import REMOVED, Evidence
from soulbench.analysis.findings import Finding
from soulbench.analysis.methods import OBJECT_MASKS
from soulbench.analysis.statistics import paired, request_means
from soulbench.core.terms import NO_QUERY, TASKS

#: The queries of the paper.
QUERIES = ("fuzzy", "neighbor", "singleton")


def recovered(evidence: Evidence, method: str, task: str, query: str) -> Finding:
    """Tell whether a query brings back more than half of what the original generates under the same query.

    Its gain is by how much it lowers the error of the primary target, of which queries are, minus by how much it lowers
    the retrained models'. What a method generates worse than these counts as theirs: to lose that again brings nothing
    back. The gain is a share of the difference between the retrained models and the original under the query; if the
    original does not generate the target under it either, nothing follows.
    """
    under = {name: evidence.queries[name, task, query, PRIMARY] for name in (method, "original")}
    out, out_under = (evidence.retrained_under(task, name) for name in (NO_QUERY, query))
    plain = np.fmin(evidence.queries[method, task, NO_QUERY, PRIMARY], request_means(out)[:, None])
    lowered, original, retrained, out_lowered = paired(
        plain - under[method], under["original"], out_under, out - out_under
    )
    mean = evidence.bootstrap.mean
    gain = mean(lowered) - mean(out_lowered, RETRAINED)
    left = mean(retrained, RETRAINED) - mean(original)
    share = evidence.bootstrap.ratio(gain, left)
    finding = Finding.above(share, REMOVED, "of the way back to the original")
    certain = evidence.bootstrap.interval(left).above(0.0)
    if share.requests >= evidence.bootstrap.min_requests and not certain:
        return finding.undecided("under this query not even the original generates the target")
    return finding


def c8(evidence: Evidence) -> Verdict:
    """Conclude on C8: where an Obj-MK method removes the object, none of the three queries recovers it."""
    parts, skipped = [], []
    for method in OBJECT_MASKS:
        for task in TASKS:
            if not evidence.removed(method, task).holds:
                skipped.append(f"{method} in {task}")
                continue
            for query in QUERIES:
                label = f"{query} does not recover the object of {method} in {task}"
                parts.append(Part(label, recovered(evidence, method, task, query).negated()))
    note = f"not tested where nothing was removed for certain: {', '.join(skipped)}" if skipped else ""
    return concluded(evidence, parts or [Part("the queries", untested(note))], "" if not parts else note)
