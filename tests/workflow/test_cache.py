"""Two benchmarks of the same data and training share their trained models (Snakemake's between-workflow cache)."""

import pytest
from snakemake_runs import snakemake

from soulbench.core.sources import ROOT


@pytest.fixture
def run(tmp_path):
    """Return a function that pre-trains the smoke run's models in a new folder, and the folder of the models."""
    cache = tmp_path / "cache"
    cache.mkdir()

    def pretrained(name, overlay=""):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "more.yaml").write_text(f"name: {name}\n{overlay}")
        files = [str(ROOT / "configs" / "smoke.yaml"), "more.yaml"]
        arguments = ["--cores", "2", "--cache", "pretrain", "--until", "pretrain", "--configfile", *files]
        made = snakemake(
            folder,
            *("--snakefile", str(ROOT / "Snakefile"), *arguments, "--", "all"),
            SNAKEMAKE_OUTPUT_CACHE=str(cache),
        )
        assert made.status == 0, made.text
        return folder / "results" / name / "models" / "pretrained" / "seed1.safetensors"

    return pretrained


def test_a_run_of_another_name_and_other_methods_finds_the_model_and_other_training_does_not(run):
    first = run("first")
    second = run("second", "methods: {obj-ng: null}\nanalysis: {bootstrap: 200}")
    assert second.resolve() == first.resolve()
    third = run("third", "training: {learning_rate: 2.0e-3}")
    assert third.resolve() != first.resolve()
    assert third.read_bytes() != first.read_bytes()
