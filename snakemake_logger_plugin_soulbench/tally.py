"""Which of a run's jobs have started and ended, and how long the rest will take."""

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from statistics import fmean

from soulbench.core import registry
from soulbench.core.terms import BANK

#: The target rule has no output: Snakemake counts it, but it is no work.
TARGET = "all"
#: The time left is given once this share of the remaining jobs belongs to families that have been timed.
TIMED_SHARE = 0.5
#: More single jobs than this are not named one by one.
SINGLE_STAGES = 3


@dataclasses.dataclass(frozen=True)
class Job:
    """A started job: its rule, its name on the console, its logs and outputs, and when it started (in seconds)."""

    rule: str
    name: str
    logs: tuple[str, ...]
    outputs: tuple[str, ...]
    started: float


class Tally:
    """The state of a run.

    Args:
        planned: number of jobs by rule, as in Snakemake's job statistics.
    """

    def __init__(self, planned: Mapping[str, int]) -> None:
        self._planned = Counter({rule: n for rule, n in planned.items() if rule not in (TARGET, "total")})
        self.total = self._planned.total()
        self.running: dict[int, Job] = {}
        self._most_at_once = 1
        self._ended: dict[int, Job] = {}
        self._failed: set[int] = set()
        self._seconds: dict[str, list[float]] = defaultdict(list)

    @property
    def ended(self) -> int:
        """The number of jobs that are done or have failed."""
        return len(self._ended)

    @property
    def failed(self) -> int:
        """The number of jobs that have failed."""
        return len(self._failed)

    @property
    def done(self) -> list[Job]:
        """The jobs that are done."""
        return [job for number, job in self._ended.items() if number not in self._failed]

    def start(self, number: int, job: Job) -> None:
        """Count a job as running; it may be another attempt after a failure."""
        self._ended.pop(number, None)
        self._failed.discard(number)
        self.running[number] = job
        self._most_at_once = max(self._most_at_once, len(self.running))

    def end(self, number: int, now: float, failed: bool = False) -> Job | None:
        """Count a job as ended and return it; None if it was not running."""
        job = self.running.pop(number, None)
        if job is None:
            return None
        self._ended[number] = job
        if failed:
            self._failed.add(number)
        else:
            self._seconds[job.rule].append(now - job.started)
        return job

    def stages(self) -> list[tuple[str, int]]:
        """Return the number of planned jobs by stage, most first; if there are many single jobs, as one: `other`."""
        members: dict[str, list[str]] = defaultdict(list)
        for rule in self._planned:
            # The registry does not know the methods of `plugins` here, but each is evaluated, as the bank is.
            evaluated = f"evaluate_{rule}" in self._planned and rule != BANK
            unlearns = evaluated or rule in registry.ids("methods")
            members["unlearn" if unlearns else family(rule)].append(rule)
        stages = Counter(
            {name: sum(self._planned[rule] for rule in rules) for name, rules in members.items()}
        )
        single = [name for name, number in stages.items() if number == 1]
        for name in single:
            del stages[name]
        named = [(members[name][0], 1) for name in single]
        return [*stages.most_common(), *(named if len(named) <= SINGLE_STAGES else [("other", len(named))])]

    def seconds_left(self, now: float) -> float | None:
        """Estimate the time left from the mean duration of each rule's jobs; None while too few rules are timed.

        A rule without a duration is expected to take as long as its family, and a family without one as long as the
        average rule. The work is shared by as many jobs at a time as have run side by side so far.
        """
        left = self._planned - Counter(job.rule for job in self._ended.values())
        means = {rule: fmean(seconds) for rule, seconds in self._seconds.items()}
        by_family: dict[str, list[float]] = defaultdict(list)
        for rule, mean in means.items():
            by_family[family(rule)].append(mean)
        timed = sum(number for rule, number in left.items() if family(rule) in by_family)
        if not timed or timed < TIMED_SHARE * left.total():
            return None

        def expected(rule: str) -> float:
            return means.get(rule) or fmean(by_family.get(family(rule)) or means.values())

        work = sum(number * expected(rule) for rule, number in left.items())
        work -= sum(min(now - job.started, expected(job.rule)) for job in self.running.values())
        return work / min(self._most_at_once, left.total())


def family(rule: str) -> str:
    """Return the part of a rule's name that similar rules share: `evaluate` of `evaluate_obj-mk-pa`."""
    return re.split("[_-]", rule)[0]


def time_left(seconds: float) -> str:
    """Return an estimate in words, no more precise than it is: `about 40 s left`, `about 12 min left`."""
    if seconds < 90:
        return f"about {max(10, round(seconds, -1)):.0f} s left"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} min left"
    hours, minutes = divmod(round(minutes, -1), 60)
    return f"about {hours} h {minutes} min left"
