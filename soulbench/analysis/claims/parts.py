"""A claim is a conjunction of parts, each of which holds, fails, or is left open by the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soulbench.analysis.bootstrap import NOTHING, Interval
from soulbench.analysis.evidence import Finding

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
QUOTED = 3  # parts that a verdict quotes


@dataclass(frozen=True)
class Part:
    """One statement of a claim: whether it holds, and the number that decides.

    Attributes:
        name: the statement.
        holds: True, False, or None if the numbers do not decide.
        effect: the number.
        unit: its unit.
    """

    name: str
    holds: bool | None
    effect: Interval
    unit: str

    @classmethod
    def that(cls, name: str, finding: Finding, negated: bool = False) -> "Part":
        """Return the part that states a finding, or its opposite."""
        holds = finding.holds if finding.holds is None or not negated else not finding.holds
        return cls(name, holds, finding.effect, finding.unit)

    def number(self) -> str:
        """Return the effect with its interval and unit as text."""
        if np.isnan(self.effect.mean):
            return "not measured"
        if np.isnan(self.effect.low):
            return f"{self.effect.mean:.3g} {self.unit}, {self.effect.requests} requests: no interval"
        return f"{self.effect.mean:.3g} {self.unit} [{self.effect.low:.3g}, {self.effect.high:.3g}]"


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim, with the effect and unit of the part that decides it, and why."""

    verdict: str
    effect: Interval
    why: str
    unit: str = ""


def every(answers: Sequence[bool | None]) -> bool | None:
    """Return the conjunction in Kleene's logic: false if any is false, else unknown if any is unknown."""
    if any(answer is False for answer in answers):
        return False
    return None if None in answers or not answers else True


def some(answers: Sequence[bool | None]) -> bool | None:
    """Return the disjunction in Kleene's logic: true if any is true, else unknown if any is unknown."""
    if any(answer is True for answer in answers):
        return True
    return None if None in answers or not answers else False


def negation(answer: bool | None) -> bool | None:
    """Return the negation in Kleene's logic: unknown stays unknown."""
    return None if answer is None else not answer


def either(name: str, findings: Sequence[Finding]) -> Part:
    """Return the part that holds if any of the findings does, with the number of the finding that decides."""
    holds = some([finding.holds for finding in findings])
    # A disjunction that is false or unknown rests on all findings; the first one then stands for them.
    deciding = next((finding for finding in findings if finding.holds is holds), findings[0])
    return Part(name, holds, deciding.effect, deciding.unit)


def conclude(parts: Sequence[Part], note: str = "") -> Verdict:
    """Return the verdict on the conjunction of the parts, with a sentence that names the parts that decide."""
    holds = every([part.holds for part in parts])
    verdict = {True: SUPPORTED, False: CONTRADICTED, None: UNDECIDED}[holds]
    deciding = [part for part in parts if part.holds is holds]
    if not deciding:
        return Verdict(verdict, NOTHING, _sentence(f"no part can be tested{'; ' + note if note else ''}"))
    count = sum(part.holds is True for part in parts)
    lead = f"{count} of {len(parts)} parts hold{'' if holds else ' for certain'}"
    if holds:
        deciding = [_weakest(deciding)]
    label = {True: "the weakest", False: "against it", None: "undecided"}[holds]
    text = "; ".join(filter(None, (lead, _quoted(deciding, label), note)))
    return Verdict(verdict, deciding[0].effect, _sentence(text), deciding[0].unit)


def _weakest(parts: Sequence[Part]) -> Part:
    """Return the part whose interval is widest relative to its effect."""

    def relative_width(part: Part) -> float:
        width = part.effect.high - part.effect.low
        return 0.0 if np.isnan(width) else width / (abs(part.effect.mean) + 1e-9)

    return max(parts, key=relative_width)


def _quoted(parts: Sequence[Part], label: str) -> str:
    texts = [f"{part.name} ({part.number()})" for part in parts[:QUOTED]]
    more = f" and {len(parts) - QUOTED} more" if len(parts) > QUOTED else ""
    return f"{label}: {'; '.join(texts)}{more}"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
