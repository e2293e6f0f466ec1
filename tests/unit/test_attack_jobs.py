"""What the jobs of attacks depend on: those that run a method depend on that method, and no other does."""

import pytest

from soulbench.config import attacks, files, jobs
from soulbench.config.checks import check
from soulbench.core.errors import UserError
from soulbench.core.sources import ROOT
from soulbench.core.terms import BANK


@pytest.fixture
def config():
    return files.load(ROOT / "config.yaml")


def test_only_an_attack_that_unlearns_depends_on_the_method(config):
    assert attacks.unlearns(config, "sequence", "obj-if")
    for method in ("original", BANK, "retrain"):
        assert not attacks.unlearns(config, "sequence", method)
    assert not attacks.unlearns(config, "relearn", "obj-if")
    made = {
        (name, method): jobs.attack(config, name, method)
        for name in ("relearn", "sequence")
        for method in ("obj-if", "obj-mk-pa", BANK)
    }
    assert made["sequence", "obj-if"].settings["methods"] == {"obj-if": {"chunk": 4}}
    assert "methods" not in made["sequence", BANK].settings
    assert len({made["sequence", method].source for method in ("obj-if", "obj-mk-pa", BANK)}) == 3
    assert len({made["relearn", method].source for method in ("obj-if", "obj-mk-pa", BANK)}) == 1


def test_both_plugins_are_brought(config, tmp_path):
    method = (ROOT / "soulbench/unlearning/methods/sample_ft.py").read_text()
    attack = (ROOT / "soulbench/attacks/sequence.py").read_text()
    paths = [tmp_path / "mine.py", tmp_path / "other.py", tmp_path / "in_turn.py"]
    for path, text in zip(paths, (method, method, attack), strict=True):
        path.write_text(text)
    mine, _, in_turn = config["plugins"] = [str(path) for path in paths]
    config["methods"] |= {"mine": {}, "other": {}}
    config["attacks"]["in-turn"] = {}
    assert jobs.attack(config, "in-turn", "mine").settings["plugins"] == [mine, in_turn]
    assert jobs.attack(config, "in-turn", "sample-ft").settings["plugins"] == [in_turn]


def test_a_method_that_is_switched_off_waits(config):
    config["methods"]["sample-ft"] = None
    check(config)
    attacked = {run.method for run in attacks.planned(config) if run.attack == "relearn"}
    assert attacked == {"original", BANK, "obj-mk-pa", "obj-if"}
    config["attacks"]["relearn"]["methods"] = ["sample-fd"]
    with pytest.raises(
        UserError, match=r"attacks.relearn.methods\[0\]: sample-fd is not under methods .*sample-ft"
    ):
        check(config)


def test_null_is_every_method_request_and_seed(config):
    config["attacks"]["relearn"] = {"methods": None, "requests": None, "seeds": None}
    check(config)
    runs = [run for run in attacks.planned(config) if run.attack == "relearn"]
    assert runs == [
        run._replace(attack="relearn") for run in attacks.planned(config) if run.attack == "compression"
    ]
    assert len(attacks.requests_of(config, runs[0])) == 6
