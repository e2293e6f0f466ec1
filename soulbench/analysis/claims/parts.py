"""Claims are conjunctions of parts, each true, false or not to be told.

This is their logic and their words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soulbench.analysis.evidence import NOTHING, Finding
from soulbench.analysis.statistics import Interval

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"


@dataclass(frozen=True)
class Part:
    """One statement of a claim: does it hold, and on which number does that rest."""

    name: str
    holds: bool | None
    effect: Interval
    unit: str

    @classmethod
    def that(cls, name: str, finding: Finding, negated: bool = False) -> "Part":
        """Return the part that says what a finding found, or its opposite."""
        holds = finding.holds if finding.holds is None or not negated else not finding.holds
        return cls(name, holds, finding.effect, finding.unit)

    def number(self) -> str:
        """Return the effect with its interval and unit, as a reader reads it."""
        if np.isnan(self.effect.mean):
            return "not measured"
        if np.isnan(self.effect.low):
            return f"{self.effect.mean:.3g} {self.unit}, {self.effect.requests} requests: no interval"
        return f"{self.effect.mean:.3g} {self.unit} [{self.effect.low:.3g}, {self.effect.high:.3g}]"


@dataclass(frozen=True)
class Verdict:
    """A claim's verdict with the part that decided it."""

    verdict: str
    effect: Interval
    why: str
    unit: str = ""


def every(parts: Sequence[bool | None]) -> bool | None:
    """Return the conjunction in Kleene's logic: false if any is false, else unknown if any is unknown."""
    if any(part is False for part in parts):
        return False
    return None if None in parts or not parts else True


def some(parts: Sequence[bool | None]) -> bool | None:
    """Return the disjunction in Kleene's logic: true if any is true, else unknown if any is unknown."""
    if any(part is True for part in parts):
        return True
    return None if None in parts or not parts else False


def either(name: str, findings: Sequence[Finding]) -> Part:
    """Return the part that holds if any of the findings does; its number is that of the one that decides."""
    holds = some([finding.holds for finding in findings])
    # A false or unknown disjunction rests on every finding; the first is the one that the name speaks of
    # first.
    deciding = next((finding for finding in findings if finding.holds is holds), findings[0])
    return Part(name, holds, deciding.effect, deciding.unit)


def judge(parts: Sequence[Part], note: str = "") -> Verdict:
    """Return the verdict on the conjunction of the parts, in words that name the parts that decided it."""
    holds = every([part.holds for part in parts])
    verdict = {True: SUPPORTED, False: CONTRADICTED, None: UNDECIDED}[holds]
    deciding = [part for part in parts if part.holds is holds]
    if not deciding:
        return Verdict(verdict, NOTHING, _sentence(f"nothing to judge it by{'; ' + note if note else ''}"))
    kept = sum(part.holds is True for part in parts)
    lead = f"{kept} of {len(parts)} parts hold{'' if holds else ' for certain'}"
    if holds:
        deciding = [_weakest(deciding)]
    word = {True: "the weakest", False: "against it", None: "cannot be told"}[holds]
    text = "; ".join(filter(None, (lead, _quoted(deciding, word), note)))
    return Verdict(verdict, deciding[0].effect, _sentence(text), deciding[0].unit)


def _weakest(parts: Sequence[Part]) -> Part:
    """Return the part with the widest interval for its size: the one nearest to falling."""

    def doubt(part: Part) -> float:
        width = part.effect.high - part.effect.low
        return 0.0 if np.isnan(width) else width / (abs(part.effect.mean) + 1e-9)

    return max(parts, key=doubt)


def _quoted(parts: Sequence[Part], word: str, shown: int = 3) -> str:
    texts = [f"{part.name} ({part.number()})" for part in parts[:shown]]
    more = f" and {len(parts) - shown} more" if len(parts) > shown else ""
    return f"{word}: {'; '.join(texts)}{more}"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
