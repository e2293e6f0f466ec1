"""Write the tables of docs/divergences.md, what each difference from paper and release does, from finished runs.

    snakemake --cores all --configfile configs/divergences.yaml -- all
    snakemake --cores all --configfile configs/divergences/methods.yaml -- tables
    snakemake --cores all --configfile configs/divergences/methods.yaml configs/divergences/start.yaml -- tables
    python benchmarks/divergences.py [--results results] [--document FILE]

The first command makes the first table: each variant is compared with the method before it that differs from it in the
fewest parameters, request by request and seed by seed. The second and third, the third once for each overlay of
configs/divergences/, make the second table, of differences that no parameter of a method can express: the methods of
each overlay's run are compared with those of the run without overlay. A table whose first run is not there stays.
"""

import argparse
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from soulbench.analysis.arrays import RunArrays  # noqa: E402
from soulbench.analysis.bootstrap import Bootstrap, Interval  # noqa: E402
from soulbench.analysis.dimensions import PRIMARY  # noqa: E402
from soulbench.analysis.evidence import Evidence  # noqa: E402
from soulbench.config import files, runs  # noqa: E402
from soulbench.core.tables import read_csv  # noqa: E402
from soulbench.core.terms import TASKS  # noqa: E402
from soulbench.core.values import value_text  # noqa: E402
from soulbench.exchange.published import tables  # noqa: E402

CONFIG, CONFIGS = ROOT / "config.yaml", ROOT / "configs"
#: The tables of the document, each between two markers: of variants in one run, and of runs.
EFFECTS, RUNS = "effects", "runs"
ORIGINAL, TARGET, REST = "original", "target_error", "A2"
#: Parameters that change how a result is computed, and not the result.
HOW = ("chunk",)
#: Sections in which the runs of configs/divergences/ differ from the first run.
SECTIONS = ("generator", "training", "unlearning")
#: Of each row: what the target's error rises by over that of the original model of the same run, and the change of the
#: retained objects beside it, in grey levels.
CELLS = [(quantity, task) for quantity in (TARGET, REST) for task in TASKS]
NAMES = {TARGET: "target", REST: "rest"}
HEADER = [
    "method",
    "compared with",
    "difference",
    *(f"{NAMES[quantity]}, {task}" for quantity, task in CELLS),
]


@dataclass(frozen=True)
class Run:
    """A finished benchmark.

    Attributes:
        config: its configuration.
        evidence: its metrics.
        budgets: what is measured at each budget, by method, budget, task and dimension.
    """

    config: dict[str, Any]
    evidence: Evidence
    budgets: RunArrays

    @classmethod
    def read(cls, config: dict[str, Any], results: Path) -> "Run":
        """Read the tables of a benchmark, published ones or those of a run."""
        with tables(results / config["name"]) as found:
            evidence = Evidence(config, read_csv(found["metrics"]), read_csv(found["queries"]))
            budgets = read_csv(found["budgets"])
        chosen = budgets[budgets["metric"] == PRIMARY]
        return cls(
            config, evidence, RunArrays(chosen, ("method", "budget", "task", "dimension"), evidence.axes)
        )

    def effect(self, method: str, budget: float, quantity: str, task: str) -> np.ndarray:
        """Return a row's quantity, [requests, seeds]."""
        values = self.budgets[method, budget, task, quantity]
        return values - self.evidence.error(ORIGINAL, task, quantity) if quantity == TARGET else values


def partner(config: dict[str, Any], name: str) -> str | None:
    """Return the earlier method that a variant is compared with; None for the first that has its code."""
    base, methods = runs.base_method(config, name), runs.methods(config)
    earlier = [other for other in methods[: methods.index(name)] if runs.base_method(config, other) == base]
    return min(earlier, key=lambda other: len(unlike(config, name, other)), default=None)


def unlike(config: dict[str, Any], name: str, other: str) -> dict[str, Any]:
    """Return the parameters in which a method differs from another one of the same code."""
    own, others = runs.parameters(config, name), runs.parameters(config, other)
    return {key: value for key, value in own.items() if value != others[key] and key not in HOW}


def rows(run: Run) -> Iterator[list[str]]:
    """Yield the rows of a run: each method against the original model, each variant against its partner."""
    for name in runs.methods(run.config):
        other = partner(run.config, name)
        difference = settings_text(unlike(run.config, name, other)) if other else ""
        for budget, beside in zip(_budgets(run, name), _budgets(run, other or name), strict=True):
            default = (run, other, beside) if other else None
            label = _label(run.config, name, budget)
            yield [label, f"`{other or ORIGINAL}`", difference, *cells(run, name, budget, default)]


def rows_of_another(first: Run, other: Run) -> Iterator[list[str]]:
    """Yield the rows of a run whose methods are those of the first one, and whose other settings are not.

    Of its original model, the row has the error itself: what its methods change is measured from there.
    """
    changed: dict[str, Any] = {}
    for section in SECTIONS:
        changed |= changes(other.config[section], first.config[section], section)
    differences = [
        other.evidence.error(ORIGINAL, task) - first.evidence.error(ORIGINAL, task) for task in TASKS
    ]
    errors = [cell(Bootstrap.of(other.config).interval(difference)) for difference in differences]
    yield [f"`{ORIGINAL}`", f"`{ORIGINAL}`", settings_text(changed), *errors, *["-"] * len(TASKS)]
    for name in runs.methods(other.config):
        for budget in _budgets(other, name):
            effects = cells(other, name, budget, (first, name, budget))
            yield [_label(other.config, name, budget), f"`{name}`", settings_text(changed), *effects]


def cells(run: Run, name: str, budget: float, default: tuple[Run, str, float] | None) -> Iterator[str]:
    """Yield a row's quantities with their intervals, minus those of the run, method and budget that are the default."""
    for quantity in CELLS:
        effect = run.effect(name, budget, *quantity)
        if default is not None:
            effect = effect - default[0].effect(*default[1:], *quantity)
        yield cell(Bootstrap.of(run.config).interval(effect))


def changes(found: Any, default: Any, key: str) -> dict[str, Any]:
    """Return the values that differ from the default ones, by key."""
    if isinstance(found, dict) and isinstance(default, dict):
        parts = (changes(found[name], default[name], f"{key}.{name}") for name in found)
        return {name: value for part in parts for name, value in part.items()}
    return {} if found == default else {key: found}


def _budgets(run: Run, name: str) -> list[float]:
    """Return the budgets that are shown of a method: of a redaction all that were measured, else the described one."""
    measured = sorted({budget for method, budget, *_ in run.budgets if method == name})
    if runs.method(run.config, name).family == "redaction":
        return measured
    return [budget for budget in measured if budget == runs.described_budget(run.config, name)]


def _label(config: dict[str, Any], name: str, budget: float) -> str:
    redacts = runs.method(config, name).family == "redaction"
    return f"`{name}`, alpha {budget:g}" if redacts else f"`{name}`"


def settings_text(values: dict[str, Any]) -> str:
    """Return settings as they are written in YAML."""
    return ", ".join(f"`{key}: {value_text(value).strip(chr(39))}`" for key, value in values.items())


def cell(interval: Interval) -> str:
    """Return a mean with its interval, or alone where there are too few requests for one."""
    mean, *ends = (round(value, 1) + 0.0 for value in (interval.mean, interval.low, interval.high))  # no -0.0
    if np.isnan(mean):
        return "-"
    return f"{mean:+.1f}" if np.isnan(ends).any() else f"{mean:+.1f} [{ends[0]:.1f}, {ends[1]:.1f}]"


def text(first: Run, others: Sequence[Run] = ()) -> str:
    """Return a table in Markdown, and a sentence on the references before it.

    The rows are those of the first run or, with others, of these: their methods compared with those of the first.
    """
    errors = {
        what: " / ".join(f"{np.nanmean(values(task)):.1f}" for task in TASKS)
        for what, values in (
            ("original", lambda task: first.evidence.error(ORIGINAL, task)),
            ("retrained", lambda task: first.evidence.retrained(task, TARGET)),
        )
    }
    requests, seeds = (len(axis) for axis in (first.evidence.arrays.requests, first.evidence.arrays.seeds))
    settings = first.config["analysis"]
    intervals = f"intervals of {100 * settings['confidence']:g} % over requests"
    if requests < settings["min_requests"]:
        intervals = "points, as these are too few for intervals"
    sentence = (
        f"Requests: {requests}, seeds: {seeds}; {intervals}. The original models have an error of {errors['original']} "
        f"grey levels on the target, retrained models {errors['retrained']} (reconstruction / synthesis)."
    )
    body = [row for other in others for row in rows_of_another(first, other)] if others else rows(first)
    lines = [
        *textwrap.wrap(sentence, 130),
        "",
        *(f"| {' | '.join(row)} |" for row in (HEADER, ["---"] * len(HEADER), *body)),
    ]
    return "\n".join(lines)


def replaced(document: str, name: str, table: str) -> str:
    """Return a document with a table between its markers."""
    begin, end = (f"<!-- {name}: {side} -->" for side in ("begin", "end"))
    before, has_begin, rest = document.partition(begin)
    _, has_end, after = rest.partition(end)
    if not (has_begin and has_end):
        raise SystemExit(f"the document lacks the lines {begin} and {end}")
    return f"{before}{begin}\n{table}\n{end}{after}"


def main() -> None:
    """Write the tables into the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the runs")
    parser.add_argument("--document", type=Path, default=ROOT / "docs" / "divergences.md")
    options = parser.parse_args()
    methods = CONFIGS / "divergences" / "methods.yaml"
    overlays = [path for path in sorted(methods.parent.glob("*.yaml")) if path != methods]
    document = options.document.read_text("utf-8")
    for name, path, further in ((EFFECTS, CONFIGS / "divergences.yaml", []), (RUNS, methods, overlays)):
        config, *others = [
            files.load(CONFIG, path),
            *(files.load(CONFIG, path, overlay) for overlay in further),
        ]
        made = [other for other in others if _is_made(other, options.results)]
        if _is_made(config, options.results) and (made or not others):
            first = Run.read(config, options.results)
            table = text(first, [Run.read(other, options.results) for other in made])
            document = replaced(document, name, table)
            print(f"{name}: written, with {len(made)} of {len(others)} further runs")
        else:
            print(
                f"{name}: as it was; {options.results / config['name']} or what is compared with it has no tables"
            )
    options.document.write_text(document, "utf-8")


def _is_made(config: dict[str, Any], results: Path) -> bool:
    return (results / config["name"] / "tables").is_dir()


if __name__ == "__main__":
    main()
