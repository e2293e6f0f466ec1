"""The update leak on planted changes: an attacker finds what was changed alone, and nothing where all is noise."""

import numpy as np
import pandas as pd
import pytest
from scenes_by_hand import SIZE, scene

from soulbench.analysis.claims.leak import c13
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.update_leak import leak_table
from soulbench.core.terms import LEAK
from soulbench.data.requests.request import Request, RequestedObject
from soulbench.evaluation.context import RequestContext
from soulbench.evaluation.update_leak import measured
from tests.unit.planted_methods import PAPER
from tests.unit.records_factory import Factory, config

BOXES = [(0, 0, 5, 5), (6, 6, 11, 11), (11, 1, 16, 6)]
SCENES = [
    scene(image, *[(10 * image + number, 1, box) for number, box in enumerate(BOXES)]) for image in (1, 2, 3)
]
ROLES = ["subset", "subset", "heldout"]


def request_of(*targets):
    """Return a request of objects, each (image id, object id)."""
    return Request("r1", "object", tuple(RequestedObject(*target, 1) for target in targets))


def attack(changed, request, noise=0, others=()):
    """Return what the attack finds, given the grey levels by which (image, object) change.

    `others` are objects, each (image id, object id), that other requests ask for.
    """
    rng = np.random.default_rng(0)
    before = np.full((1, len(SCENES), SIZE, SIZE, 3), 100, np.uint8)
    after = before + rng.integers(0, noise + 1, before.shape).astype(np.uint8)
    for (image, number), grey in changed.items():
        x0, y0, x1, y1 = BOXES[number]
        after[:, image, y0:y1, x0:x1] += np.uint8(grey)
    truth, targets = np.zeros_like(before[0]), {"r1": request.images, "others": request_of(*others).images}
    return measured(after, before, RequestContext(request, [], SCENES, ROLES, truth, [], 0, targets))


def test_what_alone_was_changed_is_found():
    found = attack({(0, 1): 50}, request_of((1, 11)))
    assert found == {"auc": 1.0, "rank1": 1.0, "mrr": 1.0}


def test_another_object_that_changed_more_comes_first():
    found = attack({(0, 1): 20, (1, 2): 60}, request_of((1, 11)))
    assert found == {"auc": 4 / 5, "rank1": 0.0, "mrr": 0.5}


def test_held_out_images_are_not_searched():
    assert attack({(0, 1): 20, (2, 2): 90}, request_of((1, 11)))["rank1"] == 1.0


def test_what_other_requests_ask_for_is_not_ranked():
    changed = {(0, 1): 20, (1, 2): 60}
    assert attack(changed, request_of((1, 11)), others=[(2, 22)])["rank1"] == 1.0
    # Two requests may share an image: of the own targets none is left out.
    assert attack(changed, request_of((1, 11)), others=[(1, 11), (2, 22)])["rank1"] == 1.0


def test_where_nothing_changed_the_guess_is_blind():
    found = attack({}, request_of((1, 11)))
    assert found == {"auc": 0.5, "rank1": 0.0, "mrr": 1 / 6}


def test_noise_alone_gives_nobody_away():
    aucs = [
        attack({}, request_of((image, object_id)), noise=40)["auc"]
        for image, first in ((1, 10), (2, 20))
        for object_id in range(first, first + 3)
    ]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.01), "each object in turn: the mean is a blind guess"


def test_of_a_set_every_target_counts():
    found = attack({(0, 0): 50, (1, 1): 5, (1, 2): 20}, request_of((1, 10), (2, 21)))
    assert found == {"auc": (4 + 3) / 8, "rank1": 1.0, "mrr": 1.0}


def evidence(planted=None):
    settings = config(bootstrap=100)
    with_planted = Factory("unused", settings, planted)
    return Evidence(settings, with_planted.table("metrics"), with_planted.table("queries"))


def test_the_claim_follows_the_excess_over_models_that_never_saw_the_target():
    assert c13(evidence()).verdict == "supported"
    blind = {
        name: PAPER[name].__class__(**{**vars(PAPER[name]), "leak": 0.5})
        for name in ("obj-mk-pa", "obj-mk-ns")
    }
    verdict = c13(evidence(blind))
    assert verdict.verdict == "contradicted"
    assert "obj-mk" in verdict.why


def test_the_table_has_the_control_beside_each_number():
    found = evidence()
    table = leak_table(found)
    assert isinstance(table, pd.DataFrame)
    rows = table[table["metric"] == "auc"].set_index(["method", "task"])
    for task in ("reconstruction", "synthesis"):
        row = rows.loc[("obj-mk-pa", task)]
        assert row["value"] == pytest.approx(0.95, abs=0.02)
        assert row["excess"] == pytest.approx(row["value"] - row["control"])
        assert row["excess_low"] > 0
        assert rows.loc[("noop-ft", task), "excess_low"] < 0.1
    assert (("original", "reconstruction", LEAK, "auc")) in found.arrays
