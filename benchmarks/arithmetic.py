"""The portable arithmetic: whether it gives the same bits on another processor, and what it costs on this one.

    python benchmarks/arithmetic.py [--sizes demo] [--rounds 3]
    python benchmarks/arithmetic.py --sizes tiny --rounds 0 --under "qemu-x86_64 -cpu Haswell-noTSX"

A worker makes a whole benchmark of eight images of random pixels: visual features, pre-training, fine-tuning, and two
unlearned models, one fine-tuned and one redacted. `--sizes` are those of its networks. Workers of both arithmetics take
turns, each a process of its own; printed are medians of the seconds that its processor computes for both trainings, and
their ratio. Then comes a digest of each thing that the portable worker made, the first twelve digits of a SHA-256.

The digests are the same on every x86 processor with AVX2 and with the versions of the lock file, or the arithmetic is
not portable: compare them with those of another machine, or with `--under`, which runs one more worker under an
emulator of another processor, and names what differs.
"""

import argparse
import hashlib
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from soulbench.core.arithmetic import NATIVE, PORTABLE, VARIABLES  # noqa: E402

METHODS = ("obj-mk-pa", "obj-if")
#: The sections of config.yaml that give the demo's sizes; only so many steps are made of its training.
DEMO = ("generator", "training", "data.image_size")
STEPS = {"pretrain": {"steps": 20, "batch": 8}, "finetune": {"steps": 20, "batch": 8}}


def make(sizes: str) -> dict[str, Any]:
    """Return the digest of each thing that a worker makes, and the seconds that its processor computed."""
    # Only a worker may load the libraries: they read the variables once.
    import numpy as np
    import torch

    from soulbench.config import files, sections
    from soulbench.core.checkpoint import load
    from soulbench.unlearning.workbench import Workbench, tiny

    torch.set_num_threads(1)
    demo = files.load(ROOT / "config.yaml")
    config = tiny(demo)
    if sizes == "demo":
        config = files.merge(config, sections.select(demo, *DEMO))
        config = files.merge(config, {"training": STEPS, "unlearning": {"batch": 5}})
    with tempfile.TemporaryDirectory() as folder:
        bench = Workbench(Path(folder), config).write()
        started = time.process_time()
        bench.train()
        made = {"seconds": time.process_time() - started}
        models = {
            name: load(path)[0]
            for name, path in (("pretrained", bench.pretrained), ("original", bench.original))
        }
        models |= {name: bench.unlearn(name, Path(folder) / f"{name}.safetensors") for name in METHODS}
        made["visual features"] = digest(np.load(bench.data / "visual.npy"))
        made |= {
            name: digest(*(tensors[key].numpy() for key in sorted(tensors)))
            for name, tensors in models.items()
        }
    values = np.random.default_rng(0).normal(size=(60, 40))
    made["NumPy"] = digest(values @ values.T, np.exp(values), np.log(abs(values)), np.linalg.svd(values)[1])
    return made


def digest(*arrays: Any) -> str:
    """Return the first digits of the hash of some arrays."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(array.tobytes())
    return total.hexdigest()[:12]


def worker(arithmetic: str, sizes: str, under: str = "") -> dict[str, Any]:
    """Run a worker in an arithmetic, perhaps under an emulator; return what it made."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    if arithmetic == PORTABLE:
        environment |= VARIABLES
    command = [*shlex.split(under), sys.executable, __file__, "--sizes", sizes, "--worker"]
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)


def main() -> None:
    """Measure, print, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="demo", choices=("demo", "tiny"))
    parser.add_argument(
        "--rounds", type=int, default=3, help="workers of each arithmetic whose seconds count"
    )
    parser.add_argument("--under", default="", help="command of an emulator that runs one more worker")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        print(json.dumps(make(chosen.sizes)))
        return
    made = worker(PORTABLE, chosen.sizes)  # its seconds do not count: files are read for the first time
    seconds: dict[str, list[float]] = {NATIVE: [], PORTABLE: []}
    for _ in range(chosen.rounds):
        for arithmetic, measured in seconds.items():
            measured.append(worker(arithmetic, chosen.sizes)["seconds"])
    if chosen.rounds:
        native, portable = (statistics.median(measured) for measured in seconds.values())
        print(f"native {native:.1f} s, portable {portable:.1f} s, ratio {portable / native:.2f}")
    made.pop("seconds")
    for name, value in made.items():
        print(f"{name:16} {value}")
    if chosen.under:
        there = worker(PORTABLE, chosen.sizes, chosen.under)
        unlike = [name for name, value in made.items() if there[name] != value]
        print(f"under the emulator: {'unlike in ' + ', '.join(unlike) if unlike else 'equal'}")


if __name__ == "__main__":
    main()
