"""What the analysis of a large benchmark costs: bootstrap, tables and claims, in seconds and memory.

    python benchmarks/analysis.py [--requests 32] [--seeds 3] [--budgets 4]

Thirteen methods, each at so many budgets, with planted effects in place of trained models (tests/unit). Counted are
summary, contrasts, scoreboard, distances, memorised and the claims; reading the records is not.
"""

import argparse
import resource
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from soulbench.analysis.claims.table import Tables, evaluate_claims  # noqa: E402
from soulbench.analysis.evidence import Evidence  # noqa: E402
from soulbench.analysis.references import distances_to_retraining, memorised  # noqa: E402
from soulbench.analysis.scoreboard import scoreboard  # noqa: E402
from soulbench.analysis.summary import contrasts, summarise  # noqa: E402
from soulbench.core.terms import AS_DESCRIBED  # noqa: E402
from tests.unit.records_factory import Factory, config  # noqa: E402

REFERENCES = ("original", "retrain", "retrain-sample")


def settings_of(requests: int, seeds: int, budgets: int) -> dict[str, Any]:
    """Return the demo's configuration at another size; a budget is a variant of each method that trains."""
    settings = config(bootstrap=2000)
    settings["requests"]["kinds"] = {"object": requests, "attached": 0, "person": 0, "group": 0}
    settings["seeds"] = list(range(1, seeds + 1))
    settings["ablations"]["requests"] = min(requests, 6)
    settings["methods"] |= {
        f"{name}-{budget}": {"variant_of": name}
        for name in settings["methods"]
        for budget in range(2, budgets + 1)
        if name not in REFERENCES
    }
    return settings


def main() -> None:
    """Print seconds by step, and the peak memory of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("requests", 32), ("seeds", 3), ("budgets", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    sizes = vars(parser.parse_args())
    settings = settings_of(**sizes)
    factory = Factory(Path(), settings)
    frames = {name: factory.table(name) for name in ("metrics", "latent", "queries")}
    ablations = {name: factory.ablation(name) for name in ("modules", "alpha")}
    print(f"{sizes}: {len(factory.runs)} runs, {len(frames['metrics'])} metrics; generated at {_peak()}")
    total = 0.0
    evidence: Any = None
    requests = frames["metrics"][["request"]].drop_duplicates().assign(category="man")
    steps = {
        "index": lambda: Evidence(settings, frames["metrics"], frames["queries"]),
        "summary": lambda: summarise(evidence),
        "contrasts": lambda: contrasts(evidence),
        "scoreboard": lambda: scoreboard({AS_DESCRIBED: evidence}),
        "sod, memorised": lambda: (distances_to_retraining(evidence), memorised(evidence, requests)),
        "claims": lambda: evaluate_claims(
            Tables({AS_DESCRIBED: evidence}, frames["latent"], factory.jobs(), **ablations, config=settings)
        ),
    }
    for name, step in steps.items():
        started = time.perf_counter(), time.process_time()
        result = step()
        evidence = result if name == "index" else evidence
        wall, core = time.perf_counter() - started[0], time.process_time() - started[1]
        total += core
        print(f"{name:15} {wall:6.1f} s, {core:6.1f} core-seconds, peak {_peak()}")
    print(f"{'all':15} {total:17.1f} core-seconds")


def _peak() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"


if __name__ == "__main__":
    main()
