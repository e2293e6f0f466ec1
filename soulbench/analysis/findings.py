"""A finding is the answer to a question, with the number it rests on; many at once are corrected for their number."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soulbench.analysis.bootstrap import Interval
from soulbench.analysis.statistics import holm_of_tested


@dataclass(frozen=True)
class Finding:
    """The answer to a question.

    Attributes:
        holds: True, False, or None if the numbers do not decide.
        effect: the number it rests on.
        unit: of the number.
        threshold: from which side of it the answer follows.
        p: two-sided p of the number being at the threshold; NaN without an interval.
        note: why the numbers do not decide, where the interval alone would.
        chances: among how many findings it was the most certain one, which its p is corrected for (Bonferroni).
    """

    holds: bool | None
    effect: Interval
    unit: str
    threshold: float
    p: float
    note: str = ""
    chances: int = 1

    @classmethod
    def above(cls, effect: Interval, threshold: float, unit: str) -> "Finding":
        """Return the answer to whether a number is above a threshold."""
        return cls(effect.above(threshold), effect, unit, threshold, effect.p(threshold))

    def undecided(self, note: str) -> "Finding":
        """Return the same without an answer, and why."""
        return replace(self.open(), note=note)

    def open(self) -> "Finding":
        """Return the same without an answer. What was tested stays one of a family: its p is 1, not unknown."""
        return replace(self, holds=None, p=self.p if np.isnan(self.p) else 1.0)

    def negated(self) -> "Finding":
        """Return the answer to the opposite question: unknown stays unknown."""
        return self if self.holds is None else replace(self, holds=not self.holds)


def corrected(findings: Sequence[Finding], level: float) -> list[bool | None]:
    """Return the answers that stand after Holm's correction over all findings.

    Args:
        findings: those that are read together.
        level: of the test, such as 0.05; an answer with a greater corrected p becomes None.
    """
    adjusted = holm_of_tested(np.array([finding.p for finding in findings], dtype=float))
    return [
        finding.holds if p <= level else None for finding, p in zip(findings, adjusted, strict=True)
    ]  # NaN is not <= level
