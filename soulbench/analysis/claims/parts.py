"""A claim is a conjunction of parts, each of which holds, fails, or is left open by the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soulbench.analysis.bootstrap import FEWEST_COLUMNS, NOTHING, REQUESTS, SEEDS, Interval
from soulbench.analysis.findings import Finding, corrected
from soulbench.analysis.power import POWER, needed
from soulbench.analysis.statistics import holm_of_tested

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
#: The configuration decides, so that a measurement cannot speak for or against the claim.
BY_CONSTRUCTION = "by construction"
WORDS = {True: SUPPORTED, False: CONTRADICTED, None: UNDECIDED}
QUOTED = 3  # parts that a verdict quotes


@dataclass(frozen=True)
class Part:
    """One statement of a claim, and the finding that it rests on: it holds if the finding does."""

    name: str
    finding: Finding

    def number(self) -> str:
        """Return the effect with its interval and unit as text."""
        effect, unit, note = self.finding.effect, self.finding.unit, self.finding.note
        if np.isnan(effect.mean):
            return note or "not measured"
        note = f", {note}" if note else ""
        if np.isnan(effect.low):
            return f"{short(effect.mean)} {unit}, {effect.requests} requests: no interval{note}"
        return f"{short(effect.mean)} {unit} [{short(effect.low)}, {short(effect.high)}]{note}"


def short(value: float) -> str:
    """Return a number with three significant digits and at most three decimals; a dash if there is no number."""
    if np.isnan(value):
        return "–"
    return f"{round(float(f'{value:.3g}'), 3) + 0.0:g}".replace("-", "−")  # + 0.0: never minus zero


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim.

    Attributes:
        verdict: a word.
        uncorrected: the verdict without correction for the number of parts.
        deciding: the part whose number decides; None if nothing was tested.
        why: a sentence.
        parts: all parts, each with its answer after the correction, its corrected p and the requests it would take.
        power: a sentence on what it would take to decide what is undecided; empty if nothing is.
    """

    verdict: str
    uncorrected: str
    deciding: Part | None
    why: str
    parts: Sequence[tuple[Part, bool | None, float, float]] = ()
    power: str = ""


def every(answers: Sequence[bool | None]) -> bool | None:
    """Return the conjunction in Kleene's logic: false if any is false, else unknown if any is unknown."""
    if any(answer is False for answer in answers):
        return False
    return None if None in answers or not answers else True


def all_of(findings: Sequence[Finding]) -> Finding:
    """Return the finding that all findings hold, with the number and p of the one that decides.

    That all hold is as certain as the least certain of them. That one fails is corrected for having had so many chances
    to (Bonferroni).
    """
    holds = every([finding.holds for finding in findings])
    if holds is None:
        return next(finding for finding in findings if finding.holds is None).open()
    if holds:
        return max(findings, key=lambda finding: finding.p)
    failing = min((item for item in findings if item.holds is False), key=lambda finding: finding.p)
    chances = failing.chances * len(findings)
    return replace(failing, p=min(1.0, failing.p * len(findings)), chances=chances)


def any_of(findings: Sequence[Finding]) -> Finding:
    """Return the finding that any of the findings holds, corrected in the same way."""
    return all_of([finding.negated() for finding in findings]).negated()


def between(effect: Interval, low: float, high: float, unit: str) -> Finding:
    """Return whether a number is between two thresholds: two one-sided tests.

    Source: D. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987.
    """
    return all_of([Finding.above(effect, low, unit), Finding.above(effect, high, unit).negated()])


def untested(why: str) -> Finding:
    """Return the finding of what cannot be tested."""
    return Finding(None, NOTHING, "", np.nan, np.nan, why)


def conclude(parts: Sequence[Part], level: float, fewest: int, note: str = "") -> Verdict:
    """Return the verdict on the conjunction of the parts, with a sentence that names the parts that decide.

    Args:
        parts: the parts.
        level: of the tests, such as 0.05; each part has to stand after Holm's correction over all of them.
        fewest: requests that an interval needs.
        note: what else is to be said.
    """
    findings = [part.finding for part in parts]
    stands = corrected(findings, level)
    adjusted = holm_of_tested(np.array([finding.p for finding in findings], dtype=float))
    levels = [level / len(parts) / finding.chances for finding in findings]
    open_to_numbers = [bool(finding.effect.requests) and not _blocked(finding) for finding in findings]
    requests, seeds = (
        [
            needed(finding, own, least, axis) if may else 0.0
            for finding, own, may in zip(findings, levels, open_to_numbers, strict=True)
        ]
        for axis, least in ((REQUESTS, fewest), (SEEDS, FEWEST_COLUMNS))
    )
    holds = every(stands)
    plain = WORDS[every([finding.holds for finding in findings])]
    deciding = [part for part, answer in zip(parts, stands, strict=True) if answer is holds]
    if not deciding:
        return Verdict(
            UNDECIDED, UNDECIDED, None, _sentence(f"no part can be tested{'; ' + note if note else ''}")
        )
    count = sum(answer is True for answer in stands)
    lead = f"{count} of {len(parts)} parts hold{'' if holds else ' for certain'}"
    if plain != WORDS[holds]:
        many = f"{len(parts)} parts" if len(parts) > 1 else "its alternatives"
        lead += f" ({plain} without correction for {many})"
    if holds:
        deciding = [_weakest(deciding)]
    label = {True: "the weakest", False: "against it", None: "undecided"}[holds]
    text = "; ".join(filter(None, (lead, _quoted(deciding, label), note)))
    rows = list(zip(parts, stands, adjusted.tolist(), requests, strict=True))
    blocked = sum(_blocked(finding) for finding in findings)
    undecided = [
        numbers
        for numbers, answer in zip(zip(requests, seeds, strict=True), stands, strict=True)
        if answer is None
    ]
    power = _power(undecided, fewest, blocked)
    return Verdict(WORDS[holds], plain, deciding[0], _sentence(text), rows, power if holds is None else "")


def _blocked(finding: Finding) -> bool:
    """Tell whether a finding has an interval, and something else than the interval withholds its answer."""
    return finding.holds is None and bool(finding.note) and not np.isnan(finding.effect.low)


def _power(numbers: Sequence[tuple[float, float]], fewest: int, blocked: int) -> str:
    """Return what it would take to decide the parts that are undecided.

    Args:
        numbers: of requests, and of seeds, that would decide each.
        fewest: requests that an interval needs.
        blocked: how many no interval decides.
    """
    by_requests = [requests for requests, _ in numbers if 0 < requests < np.inf]
    lasting = [seeds for requests, seeds in numbers if np.isinf(requests)]
    by_seeds = [seeds for seeds in lasting if seeds < np.inf]
    unknown, never = sum(np.isnan(requests) for requests, _ in numbers), len(lasting) - len(by_seeds)
    texts = []
    if unknown:
        texts.append(f"{unknown} of the parts have no interval, which takes at least {fewest} requests")
    if by_requests:
        texts.append(
            f"{len(by_requests)} would be decided, with a chance of {POWER:.0%}, by about {max(by_requests):.0f} "
            "requests at the observed effects"
        )
    if by_seeds:
        texts.append(
            f"{len(by_seeds)} differ so much by seed that no requests decide them, but about {max(by_seeds):.0f} "
            "training seeds would"
        )
    if never:
        texts.append(
            f"{never} lie so near their threshold that neither more requests nor more seeds decide them"
        )
    if blocked:
        texts.append(
            f"{blocked} are left open by what is said beside their number, whatever the number of requests"
        )
    return _sentence("; ".join(texts)) if texts else ""


def _weakest(parts: Sequence[Part]) -> Part:
    """Return the part whose interval is widest relative to its effect."""

    def relative_width(part: Part) -> float:
        effect: Interval = part.finding.effect
        width = effect.high - effect.low
        return 0.0 if np.isnan(width) else width / (abs(effect.mean) + 1e-9)

    return max(parts, key=relative_width)


def _quoted(parts: Sequence[Part], label: str) -> str:
    texts = [f"{part.name} ({part.number()})" for part in parts[:QUOTED]]
    more = f" and {len(parts) - QUOTED} more" if len(parts) > QUOTED else ""
    return f"{label}: {'; '.join(texts)}{more}"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
