"""Identity beside pixels, on planted effects: the table, the verdict, the claim, and what is said if none is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soulbench.analysis.claims.identity import c12, large
from soulbench.analysis.claims.table import Tables, evaluate_claims
from soulbench.analysis.evidence import NOOP, Evidence
from soulbench.analysis.identity import PRIMARY, chance, identified, identity_table
from soulbench.analysis.scoreboard import NOT_IDENTIFIED, STILL_IDENTIFIED, outcome, scoreboard
from soulbench.core.terms import AS_DESCRIBED, IDENTITY, LEAST_ACCURACY, OF_TWIN, RECONSTRUCTION, TASKS
from tests.unit.planted_methods import PAPER, STRANGER
from tests.unit.records_factory import Factory, config
from tests.unit.scenes_factory import kinds

METHOD = "obj-mk-pa"


def evidence(kept=None, accuracy=0.97, settings=None, change=lambda table: table, **effects):
    """The evidence of planted effects, in which a method keeps a share of the original's identification."""
    settings, none = (
        settings or config(),
        {name: replace(effect, kept=None) for name, effect in PAPER.items()},
    )
    planted = {**none, METHOD: replace(PAPER[METHOD], kept=kept, **effects)}
    factory = Factory(Path(), settings, planted, accuracy=accuracy)
    return Evidence(settings, change(factory.table("metrics")), factory.table("queries"))


def row(kept, **effects):
    """The scoreboard's row of the method in reconstruction."""
    table = scoreboard({AS_DESCRIBED: evidence(kept, **effects)}).set_index(["method", "task"])
    return table.loc[METHOD, RECONSTRUCTION]


@pytest.mark.parametrize(
    ("share", "kept", "outcome", "note"),
    [
        (1.0, 0.0, "removes it, keeps the rest", "identity agrees: no longer identified"),
        (1.0, 0.98, STILL_IDENTIFIED, "identity does not agree: still identified"),
        (0.0, 0.98, "it stays", "identity agrees: still identified"),
        (0.0, 0.0, NOT_IDENTIFIED, "identity does not agree: no longer identified"),
        (1.0, 0.5, "removes it, keeps the rest", "identity is undecided"),
        (0.5, 0.98, "undecided", "still identified"),
    ],
)
def test_pixels_and_identity_have_to_agree(share, kept, outcome, note):
    found = row(kept, share=(share, share))
    assert (found["outcome"], found["identity_note"]) == (outcome, note)
    assert found["identity_kept"] == pytest.approx(kept, abs=0.03)
    assert found["identity_retrain"] == pytest.approx(STRANGER, abs=0.02)
    assert found["identified"] == ("unclear" if kept == 0.5 else "yes" if kept else "no")


@pytest.mark.parametrize("kept", [0.0, 0.98])
def test_what_is_forgotten_in_part_may_be_identified_or_not(kept):
    answers = {"collapsed": False, "removed": True, "remembered": True, "beyond": False, "unlike": True}
    assert outcome({}, {**answers, "identified": kept > 0}) == "forgets it in part"


def test_a_large_change_is_one_beyond_noop_ft_of_the_same_budget():
    settings = config()
    factory = Factory(Path(), settings)
    metrics, queries = factory.table("metrics"), factory.table("queries")
    noops = metrics[metrics["method"] == NOOP]
    noops = noops.assign(method=METHOD, value=noops["value"] + 40.0)
    plain, moved = (Evidence(settings, metrics, queries, table) for table in (None, noops))
    middle = large(plain, METHOD, RECONSTRUCTION).effect.mean
    assert large(moved, METHOD, RECONSTRUCTION).effect.mean == pytest.approx(middle - 20)


def test_a_collapsed_method_is_collapsed_whomever_it_draws():
    assert row(0.98, collapsed=(True, True))["outcome"] == "collapsed"


def test_the_table_has_every_method_beside_the_models_that_never_saw_the_target():
    table = identity_table(evidence(0.4)).set_index(["method", "task", "dimension", "metric"])
    own = table.loc[METHOD, RECONSTRUCTION, IDENTITY, PRIMARY]
    assert own["value"] == pytest.approx(STRANGER + (1 - STRANGER) * 0.4, abs=0.02)
    assert own["control"] == pytest.approx(STRANGER, abs=0.02)
    assert own["excess"] == pytest.approx(own["value"] - own["control"])
    assert own["excess_low"] < own["excess"] < own["excess_high"]
    assert (own["gallery"], own["n_requests"], own["note"]) == (12, 6, "")
    assert own["accuracy"] == pytest.approx(0.97)
    assert own["chance"] == pytest.approx(np.mean(1 / np.arange(1, 13)))
    # One of six requests has a twin, who is drawn as before.
    twin = table.loc[METHOD, RECONSTRUCTION, OF_TWIN, "rank1"]
    assert twin["value"] == pytest.approx(1, abs=0.05)
    assert (twin["n_requests"], np.isnan(twin["excess_low"])) == (1, True)
    assert table.loc[METHOD, RECONSTRUCTION, IDENTITY, "margin"]["n_requests"] == 1
    assert {*table.index.get_level_values("task")} == {*TASKS}
    assert table.loc["retrain", RECONSTRUCTION, IDENTITY, PRIMARY]["excess"] == pytest.approx(0)


def test_requests_that_all_come_out_alike_still_leave_doubt():
    """Twelve of twelve runs in the first place: the interval is as wide as if one had come out second."""

    def alike(table):
        of_method = (table["dimension"] == IDENTITY) & (table["metric"] == PRIMARY)
        value = table["method"].map({"retrain": 0.25}).fillna(1.0)
        return table.assign(value=table["value"].where(~of_method, value))

    found = evidence(1.0, change=alike)
    finding = identified(found, METHOD, RECONSTRUCTION)
    assert finding.effect.mean == 1
    error = 0.5 / 12 / 0.75
    assert finding.effect.high - 1 == pytest.approx(2.571 * error, rel=1e-3)
    assert finding.holds
    assert 1e-4 < finding.p < 1e-2
    many = config()
    many["requests"]["kinds"] = kinds(object=24)
    many["human"]["size"] = 24
    more = identified(evidence(1.0, change=alike, settings=many), METHOD, RECONSTRUCTION)
    assert more.p < finding.p


def test_below_the_least_accuracy_nothing_is_judged_and_everything_says_why():
    found = evidence(0.98, accuracy=LEAST_ACCURACY - 0.01)
    why = "the encoder identifies 0.890 of the true crops of people whom it never saw, 0.9 is needed"
    table = identity_table(found)
    assert {*table["method"]} == {"original"}
    assert table[["value", "control", "excess"]].isna().all(axis=None)
    assert np.allclose(table["accuracy"], 0.89)
    assert table["note"].str.startswith(why).all()
    board = scoreboard({AS_DESCRIBED: found}).set_index(["method", "task"]).loc[METHOD, RECONSTRUCTION]
    assert board["outcome"] == "removes it, keeps the rest"
    assert board["identified"] == "unclear"
    assert board["identity_note"].startswith(why)
    verdict = c12(found)
    assert (verdict.verdict, why in verdict.why) == ("undecided", True)


def test_without_an_encoder_there_are_no_rows_and_no_claim():
    settings = config()
    settings["evaluation"]["identity"] = None
    found = evidence(0.98, settings=settings)
    assert identity_table(found).empty
    factory = Factory(Path(), settings)
    rest = {"latent": factory.table("latent"), "jobs": factory.jobs(), "config": settings}
    rest |= {name: factory.ablation(name) for name in ("modules", "alpha")}
    claims, parts = evaluate_claims(Tables({AS_DESCRIBED: found}, **rest))
    assert "C12" not in {*claims["claim"], *parts["claim"]}
    board = scoreboard({AS_DESCRIBED: found}).set_index(["method", "task"]).loc[METHOD, RECONSTRUCTION]
    assert board["identity_note"] == "identities are not measured"
    assert board["outcome"] == "removes it, keeps the rest"


@pytest.mark.parametrize(
    ("kept", "effects", "verdict"),
    [
        (0.98, {}, "supported"),
        (0.98, {"share": (0.1, 0.1)}, "undecided"),  # it stays, so no metric suggests success
        (0.0, {}, "undecided"),
    ],
)
def test_the_claim_needs_a_method_that_only_seems_to_succeed(kept, effects, verdict):
    found = c12(evidence(kept, **effects))
    assert found.verdict == verdict
    assert found.uncorrected == verdict or verdict == "undecided"
    if verdict == "supported":
        assert METHOD in found.why


def test_if_the_out_models_draw_the_individual_too_nothing_follows():
    def known(table):
        of_out = (
            (table["method"] == "retrain") & (table["dimension"] == IDENTITY) & (table["metric"] == PRIMARY)
        )
        return table.assign(value=table["value"].mask(of_out, 1.0))

    finding = identified(evidence(0.98, change=known), METHOD, RECONSTRUCTION)
    assert finding.holds is None
    assert "not even the original" in finding.note


def test_blind_guesses():
    assert chance(1)["mrr"] == 1
    assert chance(2) == {"rank1": 0.5, "mrr": 0.75, "margin": 0.0}
