"""Cost of starting a job: seconds of a fresh process, medians of several runs, interleaved.

    python benchmarks/start_up.py

Rows: PyTorch alone; its `Optimizer` class used once; torchvision; the two jobs' modules that import most. Quote the
ratios to the first row; the seconds depend on the machine.
"""

import statistics
import subprocess
import sys
import time

OPTIMISER = "import torch; torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])"
CASES = {
    "torch": "import torch",
    "torch, optimiser made": OPTIMISER,
    "torchvision": "import torchvision",
    "soulbench.unlearning.run": "import soulbench.unlearning.run",
    "soulbench.evaluation.run": "import soulbench.evaluation.run",
}
ROUNDS = 5


def seconds(code: str) -> float:
    """Return the wall-clock seconds of a process that runs `code`."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, code in CASES.items():
            times[name].append(seconds(code))
    first = statistics.median(times["torch"])
    for name, measured in times.items():
        median = statistics.median(measured)
        print(f"{name:30} {median:6.2f} s   x {median / first:.2f}")
