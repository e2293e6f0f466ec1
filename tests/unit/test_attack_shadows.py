"""From whose outputs an attack learns: never from those of the model, of its seed or of its request."""

import pytest

from soulbench.config import attacks, runs
from soulbench.config.attacks import AttackRun
from soulbench.core.terms import BANK
from tests.unit.records_factory import config


def settings(bank):
    found = config()
    found["attacks"] = {"trace": {}, "compression": {}}
    if bank:
        found["references"] = {"bank": {"models": 8, "share": 0.5}}
    return found


def test_a_method_is_learned_from_other_seeds_and_requests():
    found = attacks.shadows(settings(True), AttackRun("trace", "obj-mk-pa", 1), "r2")
    assert {run.method for run in found.unlearned} == {"obj-mk-pa"}
    assert {run.seed for run in found.unlearned} == {2}
    assert sorted(run.request for run in found.unlearned) == ["r1", "r3", "r4", "r5", "r6"]


def test_the_retrained_models_that_are_learned_from_are_not_those_that_it_is_tried_on():
    configured = settings(True)
    out = set(runs.out_models(configured, "r2"))
    found = attacks.shadows(configured, AttackRun("trace", "obj-mk-pa", 1), "r2")
    assert {run.seed for run in found.never_saw} == out
    assert {run.seed for run in found.retrained} == {*range(1, 9)} - out
    assert {run.method for run in [*found.never_saw, *found.retrained]} == {BANK}


def test_the_control_is_attacked_alike_without_itself():
    configured = settings(True)
    first, *others = runs.out_models(configured, "r2")
    found = attacks.shadows(configured, AttackRun("trace", BANK, first), "r2")
    assert [run.seed for run in found.never_saw] == others
    halves = [{run.seed for run in half} for half in (found.unlearned, found.retrained)]
    assert not halves[0] & halves[1]
    assert halves[0] | halves[1] == {*range(1, 9)} - {first, *others}
    # Every other model of the control that never saw the targets learns from the same two halves.
    again = attacks.shadows(configured, AttackRun("trace", BANK, others[0]), "r2")
    assert (again.unlearned, again.retrained) == (found.unlearned, found.retrained)


def test_a_model_that_serves_all_requests_is_taken_once():
    found = attacks.shadows(settings(True), AttackRun("trace", "original", 1), "r2")
    assert [run.seed for run in found.unlearned] == [2]


def test_without_a_bank_the_retrained_models_of_other_requests_take_its_place():
    found = attacks.shadows(settings(False), AttackRun("trace", "obj-mk-pa", 1), "r2")
    assert [(run.method, run.request) for run in found.never_saw] == [("retrain", "r2")]
    assert {run.method for run in found.retrained} == {"retrain"}
    assert "r2" not in {run.request for run in found.retrained}


@pytest.mark.parametrize("method", ["obj-mk-pa", BANK])
def test_other_attacks_read_no_further_records(method):
    assert attacks.shadows(settings(True), AttackRun("compression", method, 1), "r2") == ([], [], [])
