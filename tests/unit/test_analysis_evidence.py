"""The definitions: forgotten, harmed, and when the numbers do not decide."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soulbench.analysis.band import Band, verdict
from soulbench.analysis.bootstrap import Bootstrap
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.findings import corrected
from soulbench.analysis.references import bank_against_exact
from soulbench.analysis.scoreboard import scoreboard
from soulbench.core.terms import AS_DESCRIBED, RECONSTRUCTION
from tests.unit.planted_methods import PAPER, PlantedMethod
from tests.unit.records_factory import Factory, config

BOOTSTRAP = Bootstrap(resamples=2000, confidence=0.95, min_requests=6, seed=11)
METHODS = ("original", "noop-ft", "retrain", "sample-ft", "obj-mk-pa", "obj-if")
#: Nothing but the share forgotten differs from noop-ft.
QUIET = PlantedMethod((0.0, 0.0))


def tables(planted, change=None, seeds=2, bank=None):
    """Return metrics and queries of a few methods with planted effects, after `change` of the metrics."""
    settings = config()
    settings["methods"] = {name: {"seeds": seeds} if name == "retrain" else {} for name in METHODS}
    settings["references"] = {"bank": bank}
    factory = Factory(Path(), settings, planted)
    metrics = factory.table("metrics")
    return settings, (metrics if change is None else change(metrics)), factory.table("queries")


def scores(planted, change=None, seeds=2):
    """Return the scoreboard in reconstruction, with as many retrained models a request as `seeds`."""
    table = scoreboard({AS_DESCRIBED: Evidence(*tables(planted, change, seeds))})
    return table[table["task"] == RECONSTRUCTION].set_index("method")


@pytest.mark.parametrize(
    ("share", "expected", "outcome"),
    [
        (0.0, "not forgotten", "it stays"),
        (0.75, "partly forgotten", "forgets it in part"),
        (1.0, "forgotten", "forgets it, keeps the rest"),
        (1.5, "overshot", "overshoots"),
        (0.9, "removed", "removes it, keeps the rest"),
        (0.5, "undecided", "undecided"),
    ],
)
def test_the_verdict_follows_the_share_of_the_way(share, expected, outcome):
    row = scores({"obj-mk-pa": replace(QUIET, share=(share, share))}).loc["obj-mk-pa"]
    assert (row["verdict"], row["outcome"]) == (expected, outcome)
    assert row["forgotten"] == pytest.approx(share, abs=0.1)


def test_with_one_retrained_model_nothing_is_more_than_removed():
    """Its spread is unknown, so neither forgetting nor overshooting can be told."""
    planted = {"obj-mk-pa": replace(QUIET, share=(1.0, 1.0)), "obj-if": replace(QUIET, share=(3.0, 3.0))}
    table = scores(planted, seeds=1)
    assert table["verdict"][["obj-mk-pa", "obj-if", "sample-ft"]].tolist() == [*["removed"] * 3]
    assert table.loc["noop-ft", "verdict"] == "not forgotten"


def test_as_wrong_as_retraining_but_another_image_is_not_forgotten():
    def elsewhere(metrics):
        rows = (metrics["method"] == "obj-mk-pa") & (metrics["dimension"] == "retrain-A1")
        return metrics.assign(value=metrics["value"] + 20.0 * (rows & (metrics["metric"] == "mae")))

    row = scores({"obj-mk-pa": replace(QUIET, share=(1.0, 1.0))}, elsewhere).loc["obj-mk-pa"]
    assert row["verdict"] == "different"
    assert row["excess_A1"] > 15


def test_every_verdict_of_four_answers():
    assert verdict(True, False, False, False) == "forgotten"
    assert verdict(True, False, False, True) == "different"
    assert verdict(True, False, False, None) == "removed"
    assert verdict(None, False, False, False) == "undecided"  # never memorised
    assert verdict(True, True, False, True) == "partly forgotten"
    assert verdict(False, True, False, True) == "not forgotten"
    assert verdict(True, None, False, False) == "removed"
    assert verdict(None, True, False, True) == "undecided"
    assert verdict(True, False, True, True) == "overshot"


def band_of(out, inside):
    return Band(np.array(out, float), np.array(inside, float), floor=1.0)


def test_a_band_is_as_wide_as_the_retrained_models_differ():
    band = band_of([[40, 44], [30, 34]], [[10, 10], [10, 10]])
    assert (band.sigma_of, band.sigma, band.pooled[1]) == ("retrain", pytest.approx(8**0.5), 2)
    np.testing.assert_allclose(band.sod(np.array([[42.0], [26.0]])), [0.0, 6 / 8**0.5])
    assert band.half_width == pytest.approx(2 * 8**0.5 / 27)
    assert band.models == 2


def test_one_retrained_model_borrows_the_originals_spread_and_two_floors_stand_alone():
    one = band_of([[40, np.nan], [30, np.nan]], [[10, 14], [10, 14]])
    assert (one.sigma_of, one.sigma) == ("original", pytest.approx(8**0.5))
    none = band_of([[40], [30]], [[10], [10]])
    assert (none.sigma_of, none.sigma) == ("none", 1.0)
    assert np.isinf(none.gaps(0.975)[1]).all()
    equal = band_of([[40, 40], [30, 30]], [[10], [10]])
    assert (equal.sigma_of, equal.sigma) == ("retrain", 1.0)


def test_a_bank_of_models_comes_through_the_same_arrays():
    """Each model lacks half of the requests; the band, the gap and its interval are of those that never saw it."""
    random = np.random.default_rng(2)
    saw = random.permuted(np.tile([True, False], (12, 8)), axis=1)
    errors = np.where(saw, 10.0, 30.0) + random.normal(0, 2, saw.shape)
    band = Band(np.where(saw, np.nan, errors), np.where(saw, errors, np.nan), 1.0)
    assert band.models == 8
    assert band.sigma == pytest.approx(2.0, rel=0.2)
    sod = band.mean_sod(BOOTSTRAP, np.full((12, 3), 30.0))
    assert sod.low < 0 < sod.high
    assert sod.high - sod.low < 2
    gaps, reach = band.gaps(0.975)
    assert ((gaps - reach > 15) & (gaps + reach < 25)).all()


def test_the_models_of_a_bank_are_the_retrained_ones():
    """One exact model a request has no spread; four of the bank's, of which two lack each request, have."""
    planted = {"obj-mk-pa": replace(QUIET, share=(1.0, 1.0)), "obj-if": replace(QUIET, share=(2.0, 2.0))}
    evidence = Evidence(*tables(planted, seeds=1, bank={"models": 4, "share": 0.5}))
    assert evidence.has_bank
    band, memory = evidence.band(RECONSTRUCTION), evidence.memory(RECONSTRUCTION)
    assert band.out.shape == (6, 4)
    assert (band.models, band.sigma_of) == (2, "retrain")
    assert (np.isnan(band.out) != np.isnan(memory.inside)).all()
    assert np.nanmin(band.out) > np.nanmax(memory.inside) + 5
    table = scoreboard({AS_DESCRIBED: evidence})
    rows = table[table["task"] == RECONSTRUCTION].set_index("method")
    assert rows["verdict"][["obj-mk-pa", "obj-if", "noop-ft"]].tolist() == [
        "forgotten",
        "overshot",
        "not forgotten",
    ]
    assert "bank" not in rows.index
    exact = bank_against_exact(evidence)
    assert len(exact) == 6 * 2 * 5
    assert exact["within"].mean() > 0.8
    assert (exact["ci_low"] < exact["ci_high"]).all()


def test_without_a_bank_there_is_nothing_to_validate():
    evidence = Evidence(*tables({}))
    assert not evidence.has_bank
    assert bank_against_exact(evidence).empty


def test_the_interval_of_a_gap_is_that_of_two_means():
    """With one request it is Student's interval for two samples of equal variance, if both had the same spread."""
    band = band_of([[40.0, 44.0, 42.0]], [[10.0]])
    gaps, reach = band.gaps(0.975)
    assert gaps[0] == 32
    assert reach[0] == pytest.approx(4.3027 * 2.0 * (1 / 3 + 1) ** 0.5, rel=1e-4)


def test_harm_is_paired_with_noop_ft_and_no_other_reference_excuses_it():
    """Retraining and another seed change far more; the method is damaged all the same."""
    harmful = replace(QUIET, share=(1.0, 1.0), same_image=QUIET.same_image + 4)
    large = {name: replace(PAPER[name], same_image=60.0) for name in ("retrain", "reseed")}
    row = scores({"obj-mk-pa": harmful, **large}).loc["obj-mk-pa"]
    assert (row["damaged_A2"], row["outcome"]) == ("yes", "forgets it, damages the rest")
    assert row["harm_A2"] == pytest.approx(4, abs=0.6)
    assert row["harm_retrain_A2"] > 40
    assert row["harm_seed_A2"] > 40


def test_what_is_trained_anew_is_compared_with_what_else_is():
    """An exact replay changes as much as any retrained model does; beside noop-ft it would be called damage."""
    large = {name: replace(PAPER[name], same_image=60.0) for name in ("retrain", "reseed")}
    settings, metrics, queries = tables({**large, "rewind": replace(large["retrain"], share=(1.0, 1.0))})
    settings["methods"]["rewind"] = {}
    rows = metrics[(metrics["method"] == "retrain") & (metrics["seed"] == 1)].assign(method="rewind")
    evidence = Evidence(settings, pd.concat([metrics, rows]), queries)
    finding = evidence.damaged("rewind", RECONSTRUCTION, "A2")
    assert finding.holds is False and finding.unit == "grey levels of A2 beyond retraining"
    assert evidence.damaged("obj-if", RECONSTRUCTION, "A2").unit == "grey levels of A2 beyond noop-ft"


def test_requests_beyond_the_band_do_not_make_up_for_others_that_are_remembered():
    def apart(metrics):
        rows = (metrics["method"] == "obj-mk-pa") & (metrics["dimension"] == "target_error")
        sign = np.where(metrics["request"].isin(["r1", "r2", "r3"]), 1, -1)
        shift = 5 * sign * (rows & (metrics["metric"] == "mae"))
        return metrics.assign(value=metrics["value"] + shift)

    planted = {"obj-mk-pa": replace(QUIET, share=(1.0, 1.0))}
    row = scores(planted, apart).loc["obj-mk-pa"]
    assert row["forgotten"] == pytest.approx(1.0, abs=0.1) and row["requests_inside"] == 0
    assert row["verdict"] == "removed"
    evidence = Evidence(*tables(planted, apart))
    # Forced into the band, the mean would be certain: the requests decide.
    finding = replace(evidence.remembered("obj-mk-pa", RECONSTRUCTION), holds=False, note="")
    assert evidence._in_band(finding, "obj-mk-pa", RECONSTRUCTION).note == "in the band: 0 of 6 requests"


@pytest.mark.parametrize(
    ("grey", "similarity", "answer"),
    [(4.0, 0.0, "yes"), (4.0, 0.02, "unclear"), (0.0, 0.0, "no"), (0.0, -0.1, "unclear")],
)
def test_another_metric_may_contradict(grey, similarity, answer):
    """Grey levels say damage while SSIM improves, or none while SSIM drops."""

    def change(metrics):
        rows = (metrics["method"] == "obj-mk-pa") & (metrics["dimension"] == "A2")
        noop = metrics[(metrics["method"] == "noop-ft") & (metrics["dimension"] == "A2")]
        for metric, shift in (("mae", grey), ("ssim", similarity - 0.001 * grey), ("lpips", 0.001 * grey)):
            at = rows & (metrics["metric"] == metric)
            metrics.loc[at, "value"] = noop.loc[noop["metric"] == metric, "value"].to_numpy() + shift
        return metrics

    row = scores({}, change).loc["obj-mk-pa"]
    assert row["damaged_A2"] == answer
    assert ("ssim contradicts" in row["harm_note_A2"]) == (answer == "unclear")


def test_fewer_than_three_objects_are_not_judged():
    def few(metrics):
        rows = metrics["dimension"] == "A3"
        counted = metrics["regions"].mask(rows, (metrics["request"] == "r1") * 2)
        return metrics.assign(regions=counted)

    row = scores({"obj-mk-pa": replace(QUIET, category=60.0)}, few).loc["obj-mk-pa"]
    assert (row["damaged_A3"], row["harm_note_A3"]) == ("unclear", "2 objects, 3 needed")
    assert row["damaged_A2"] == "no"


def test_what_stands_after_the_correction_is_less_than_what_stood_before():
    evidence = Evidence(*tables({"obj-if": replace(QUIET, share=(0.6, 0.6))}))
    found = [evidence.removed(name, RECONSTRUCTION) for name in ("obj-if", "sample-ft", "obj-mk-pa")]
    assert found[0].holds
    assert 1e-5 < found[0].p < 0.05
    assert corrected(found, 2 * found[0].p)[0] is True
    assert corrected([found[0]] * 3, 2 * found[0].p) == [None] * 3
    assert corrected(found, 0.0) == [None] * 3
