"""Core-seconds of Snakemake's own process over a run of the workflow, with its limit on jobs a second and without.

    python benchmarks/scheduling.py [--config configs/smoke.yaml] [--cores 2]

The first run is given another limit than Snakemake's own, which `workflow/rules/scheduling.smk` leaves as it is; in
the second there is none. Both are made in folders of their own. Jobs and the processes that they start are not
counted. Quote the ratio; the more jobs have ended while others wait, the larger it is.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
CASES = {"with a limit": ["--max-jobs-per-timespan", "99/1s"], "without": []}


def measured(arguments: list[str]) -> tuple[float, float]:
    """Return the core-seconds of Snakemake's process, without its children's, and the seconds that it ran."""
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), *arguments]
    with tempfile.TemporaryDirectory() as folder:
        started, own = time.perf_counter(), 0.0
        with subprocess.Popen([*command, "--directory", folder, "--", "all"]) as run:
            process = psutil.Process(run.pid)
            while run.poll() is None:
                times = process.cpu_times()
                own = times.user + times.system
                time.sleep(0.1)
        if run.returncode:
            raise SystemExit(f"Snakemake failed: {' '.join(command)}")
        return own, time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "smoke.yaml")
    parser.add_argument("--cores", default="2")
    given = parser.parse_args()
    found = {}
    for name, limit in CASES.items():
        options = ["--cores", given.cores, "--configfile", str(given.config.resolve())]
        found[name] = measured([*options, *limit])
    for name, (own, took) in found.items():
        print(f"{name:14} {own:7.1f} core-seconds in {took:.1f} s")
    print(f"ratio of core-seconds: {found['with a limit'][0] / found['without'][0]:.2f}")
