"""A file of the user that changes reruns the jobs that read it, and those after them; a file that does not, none."""

import json
import os
import sys
from pathlib import Path

import pytest
import torch

from soulbench.core.sources import ROOT

sys.path.append(str(ROOT / "tests" / "unit"))  # the factories
sys.path.append(str(ROOT / "tests" / "workflow"))  # the calls of Snakemake

from scenes_factory import edge, entry, write_source
from snakemake_runs import Run, forked

OVERLAY = """
name: photos
seeds: [1]
data:
  {{source: local, root: "{root}", split_file: split.json, min_image_side: 10, min_object_side: 2,
    min_object_instances: 1, min_attribute_instances: 1, min_predicate_instances: 1, min_objects: 1,
    min_relationships: 0}}
human: {{labels: [man], size: 3, heldout: 2}}
requests: {{file: requests.csv}}
generator: {{visual: {{backbone: vgg16, weights: visual.pth}}}}
training: {{losses: {{perceptual: 1.0}}, perceptual_weights: perceptual.pth}}
evaluation: {{lpips: {{weights: lpips.pth}}}}
methods: {{{methods}}}
attacks: {{embedding-query: null, graph-query: null, relearn: null, sequence: null, trace: null}}
ablations: {{requests: 0}}
"""
OFF = (
    *("feat-if", "feat-mk", "feat-ng", "noop-ft", "obj-if", "obj-mk-ns", "obj-ng", "sample-ft", "sample-ng"),
    *("leak-aware", "neggrad-plus", "ssd"),
    "retrain-person",
    "retrain-sample",
)
#: What a glob, a Python format and a wildcard of Snakemake would take apart.
FOLDER = "my [x] {y} {} photographs"
WEIGHTS = ("visual.pth", "perceptual.pth", "lpips.pth")


class Benchmark:
    """A finished benchmark: its data are really prepared, all later files are empty and marked as done."""

    def __init__(self, folder: Path):
        self.folder, self.root = folder, folder / FOLDER
        objects = {n: [entry(10 * n, "man", (10, 10, 60, 60)), entry(10 * n + 1, "dog")] for n in range(1, 9)}
        write_source(self.root, objects, {1: [edge(10, "on", 11)]})
        self.write_split([1, 2, 3, 4, 5, 6], [7, 8])
        (folder / "requests.csv").write_text("request,image_id,object_id\nr1,1,10\n")
        for weights in WEIGHTS:
            torch.save({"features.0.weight": torch.zeros(1)}, folder / weights)
        methods = ", ".join(f"{method}: null" for method in OFF)
        (folder / "overlay.yaml").write_text(OVERLAY.format(root=FOLDER, methods=methods))
        self.run("--cores", "1", "--", "results/photos/data/requests.csv")
        for line in self.run("--summary", "--", "all").text.splitlines():
            path = folder / line.split("\t")[0]
            if line.startswith("results/") and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        self.run("--touch", "--forceall", "--cores", "1", "--", "all")

    def write_split(self, train, val):
        (self.folder / "split.json").write_text(json.dumps({"train": train, "val": val, "test": []}))

    def run(self, *arguments: str) -> Run:
        run = forked(self.folder, "--configfile", "overlay.yaml", *arguments)
        assert run.status == 0, run.text
        return run

    def planned(self) -> set[str]:
        return set(self.run("--dry-run", "--", "all").jobs)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return Benchmark(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def restored(finished):
    """The finished benchmark; the user's files are put back after the test, with their times."""
    folders = (finished.folder, finished.root, finished.root / "images" / "VG_100K")
    files = {
        path: (path.read_bytes(), path.stat())
        for folder in folders
        for path in folder.iterdir()
        if path.is_file()
    }
    yield finished
    for folder in folders:
        for path in folder.iterdir():
            if path.is_file() and path not in files:
                path.unlink()
    for path, (content, facts) in files.items():
        if not path.exists() or path.stat() != facts:
            path.write_bytes(content)
            os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


TAIL = {"tables", "claims", "page", "all"}
UNLEARNING = {"bank", "obj-mk-pa", "retrain"}
TRAINING = {"pretrain", "finetune", *UNLEARNING}
EVALUATION = {f"evaluate_{name}" for name in ("original", "retrain", "bank", "obj-mk-pa")} | TAIL
EVALUATION |= {"attack_compression"}
FROM_PACK = {
    "pack",
    "human_filter",
    "requests",
    "visual_features",
    "identity_encoder",
    *TRAINING,
    *EVALUATION,
}


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def replace_by_older(path: Path) -> None:
    """Replace a file as `mv` does, by one that is older than all results."""
    append(path)
    os.utime(path, (1_000_000_000, 1_000_000_000))


EDITS = {
    # the edit; what has to run, and nothing else but figures
    "split file": (lambda bench: bench.write_split([1, 2, 3, 4, 5], [6, 7, 8]), {"vocabulary", *FROM_PACK}),
    "aliases": (lambda bench: append(bench.root / "object_alias.txt"), {"vocabulary", *FROM_PACK}),
    "annotations": (lambda bench: replace_by_older(bench.root / "objects.json"), {"vocabulary", *FROM_PACK}),
    "photograph": (lambda bench: append(bench.root / "images" / "VG_100K" / "3.png"), FROM_PACK),
    "photograph by an older one": (
        lambda bench: replace_by_older(bench.root / "images" / "VG_100K" / "3.png"),
        FROM_PACK,
    ),
    "individuals": (
        lambda bench: (bench.root / "individuals.csv").write_text("image_id,object_id,individual,twin\n"),
        {"requests", "identity_encoder", *UNLEARNING, *EVALUATION},
    ),
    "requests": (
        lambda bench: replace_by_older(bench.folder / "requests.csv"),
        {"human_filter", "requests", "identity_encoder", "finetune", *UNLEARNING, *EVALUATION},
    ),
    "weights of the visual features": (
        lambda bench: append(bench.folder / "visual.pth"),
        {"visual_features", *TRAINING, *EVALUATION},
    ),
    "weights of the perceptual loss": (
        lambda bench: append(bench.folder / "perceptual.pth"),
        {*TRAINING, *EVALUATION},
    ),
    "weights of LPIPS": (lambda bench: replace_by_older(bench.folder / "lpips.pth"), EVALUATION),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_changed_file_reruns_what_depends_on_it(restored, name):
    edit, expected = EDITS[name]
    edit(restored)
    assert {job for job in restored.planned() if not job.startswith("figure_")} == expected


def test_files_that_nothing_reads_and_small_files_with_the_same_content_rerun_nothing(restored):
    (restored.root / "images" / "VG_100K" / ".DS_Store").write_bytes(b"opened")
    (restored.root / "notes.txt").write_text("mine")
    for path in (restored.folder / "split.json", restored.root / "object_alias.txt"):
        os.utime(path)
    assert restored.planned() == set()
