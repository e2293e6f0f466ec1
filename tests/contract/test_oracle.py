"""A reference may be given retrained models, openly: as inputs of its rule, and never the ones that judge it."""

import pytest
import torch
import yaml

from soulbench.analysis import methods
from soulbench.config import checks, files, runs
from soulbench.core import registry
from soulbench.core.errors import UserError
from soulbench.core.sources import ROOT
from soulbench.training.dataset import BenchmarkData
from soulbench.unlearning.bank import retrain_for_bank
from soulbench.unlearning.supervised import supervised

SPY = '''
"""A method that asks for retrained models."""

from dataclasses import dataclass

from soulbench.unlearning.task import TrainedMethod

LEVEL, FAMILY, PER_REQUEST = "{level}", "finetune", {per_request}
SEES_RETRAINED = {sees}


@dataclass(frozen=True)
class Parameters:
    """None."""


class Method(TrainedMethod):
    """Plain training."""
'''


@pytest.fixture
def config():
    return files.merge(
        yaml.safe_load((ROOT / "config.yaml").read_text()), {"methods": {"oracle-match": {}, "mine": None}}
    )


@pytest.fixture(scope="module")
def bank(benchmark, tmp_path_factory):
    """Checkpoints of two models of the bank."""
    folder = tmp_path_factory.mktemp("bank")
    paths = [str(folder / f"model{number}.safetensors") for number in (1, 2)]
    for number, path in enumerate(paths, 1):
        retrain_for_bank(
            benchmark.config, number, ["r1"], str(benchmark.data), path, "source", lambda line: None
        )
    return paths


def at_work(benchmark, name, retrained, **parameters):
    """Return the parts of a method at work, and the images of all retrained models and of the original."""
    data, code = BenchmarkData.open(benchmark.config, benchmark.data), registry.method(name)
    networks = data.networks(1)
    networks.load(benchmark.original)
    arguments = (data, networks, name, code, data.requests["r1"], 1, code.parameters(**parameters), retrained)
    with supervised(*arguments) as (parts, _):
        return parts.method


def test_those_that_it_is_matched_to_do_not_judge_it(config):
    for request in (*runs.request_ids(config), *runs.development_ids(config)):
        out, seen = runs.out_models(config, request), runs.matched(config, "oracle-match", request)
        judges = {run.seed for run in runs.references(config, runs.Run("oracle-match", request, 1))}
        assert len(seen) == len(out) // 2 and judges == {*out} - {*seen} and judges
        others = runs.references(config, runs.Run("obj-mk-pa", request, 1))
        assert {run.seed for run in others} == {*out}
        assert runs.matched(config, "obj-mk-pa", request) == ()
        assert runs.matched(config, "bank", request) == runs.matched(config, "reseed", request) == ()


def test_it_learns_the_retrained_models_images_in_the_region_and_the_originals_elsewhere(benchmark, bank):
    method = at_work(benchmark, "oracle-match", bank)
    assert len(method.task.retrained) == 2
    (piece,) = method.task.pieces("forget")
    with torch.no_grad():
        images = [model(piece.batch, piece.condition).images for model in method.task.retrained]
        before = method.original(piece.batch, piece.condition).images
    assert not torch.equal(*images)
    wanted = torch.where(piece.weights > 0, sum(images) / 2, before)
    torch.testing.assert_close(method.taught(piece.batch, piece.condition).targets, wanted)
    everywhere = at_work(benchmark, "oracle-match", bank, elsewhere="retrained")
    torch.testing.assert_close(everywhere.taught(piece.batch, piece.condition).targets, sum(images) / 2)


def programmatic(name):
    return registry.method(name).workers[-1:] == ("Method",) and registry.method(name).family == "finetune"


@pytest.mark.parametrize("name", [*filter(programmatic, registry.ids("methods"))])
def test_no_method_is_given_one_even_if_its_rule_passes_some(benchmark, bank, name):
    if registry.method(name).sees_retrained:
        assert registry.method(name).level == "reference"
    else:
        assert at_work(benchmark, name, bank).task.retrained == ()


@pytest.mark.parametrize(
    ("level", "per_request", "sees"),
    [("object", True, True), ("reference", False, True), ("reference", True, "'all'")],
)
def test_a_method_that_asks_for_them_is_refused(config, tmp_path, level, per_request, sees):
    path = tmp_path / "mine.py"
    path.write_text(SPY.format(level=level, per_request=per_request, sees=sees))
    own = {**config, "plugins": [str(path)], "methods": {**config["methods"], "mine": {}}}
    with pytest.raises(UserError, match=r"SEES_RETRAINED is .*remove the line, for a method never sees them"):
        checks.check(own)


def test_it_needs_a_bank(config):
    own = {
        **config,
        "references": {"bank": None},
        "requests": {**config["requests"], "development": 0},
    }
    with pytest.raises(UserError, match=r"methods.oracle-match: it is given half of a bank's models"):
        checks.check(own)
    checks.check({**own, "methods": {**own["methods"], "oracle-match": None}})


def test_it_is_no_method_in_any_table(config):
    names = runs.methods(config)
    assert methods.group(config, "oracle-match") == methods.ORACLE
    assert "oracle-match" not in methods.unlearners(config, names)
    assert "oracle-match" not in methods.of_paper(config, names)
    order = methods.ordered(config, names)
    assert order.index("oracle-match") < order.index("sample-ft")
