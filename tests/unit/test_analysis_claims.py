"""Verdicts on planted effects: a claim is supported if its effect was planted, and contradicted by the opposite."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from soulbench.analysis.bootstrap import SEEDS, Bootstrap, Interval
from soulbench.analysis.claims.parts import Part, all_of, any_of, conclude, every, untested
from soulbench.analysis.claims.queries import recovered
from soulbench.analysis.claims.table import Tables, evaluate_claims, write_claims
from soulbench.analysis.claims.verdicts import HIDDEN
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.findings import Finding
from soulbench.analysis.power import needed
from soulbench.analysis.tables import write_tables
from soulbench.core.tables import read_csv
from soulbench.core.terms import AS_DESCRIBED, RECONSTRUCTION
from tests.unit.planted_methods import PAPER
from tests.unit.records_factory import Factory, config
from tests.unit.scenes_factory import kinds

BOOTSTRAP = Bootstrap(resamples=2000, confidence=0.95, min_requests=6, seed=11)


def evaluated(planted=None, settings=None, latent=lambda table: table):
    settings = settings or config()
    factory = Factory(Path(), settings, planted)
    tables = Tables(
        points={AS_DESCRIBED: Evidence(settings, factory.table("metrics"), factory.table("queries"))},
        latent=latent(factory.table("latent")),
        jobs=factory.jobs(),
        modules=factory.ablation("modules"),
        alpha=factory.ablation("alpha"),
        config=settings,
    )
    return evaluate_claims(tables)


def verdicts(planted=None, settings=None):
    return evaluated(planted, settings)[0].set_index("claim")


def changed(name, **more):
    return {name: replace(PAPER[name], **more)}


@pytest.fixture(scope="module")
def papers():
    """The claims and their parts under the effects of the paper; a query applies to five of the six requests."""
    settings = config(min_requests=5)
    settings["ablations"] = {**settings["ablations"], "requests": 6}
    return evaluated(settings=settings)


def test_the_papers_planted_effects_support_every_claim_that_is_measured(papers):
    table = papers[0].set_index("claim")
    assert table.index.tolist() == [f"C{number}" for number in range(1, 14)]
    expected = dict.fromkeys(table.index, "supported") | {"C9": "by construction"}
    assert dict(table["verdict"]) == expected
    assert set(table["operating_point"]) == {"as described"}
    assert (table["ci_low"] <= table["effect"]).all()
    assert (table["effect"] <= table["ci_high"]).all()
    # Of all methods, one was planted that leaves a trace.
    assert "(sample-ft, " in table.loc["C12", "why"]


def test_parts_are_listed_with_their_numbers_and_the_correction(papers):
    parts = papers[1]
    assert parts.groupby("claim").size()[["C1", "C2", "C3", "C4", "C5", "C8", "C11"]].tolist() == [
        *(5, 4, 9, 9, 5, 12, 4)
    ]
    assert (parts["p_holm"] >= parts["p"]).all()
    assert (parts["holds_uncorrected"] == "yes").all()
    tested = parts[parts["n_requests"] > 0]
    assert (tested["n_seeds"] == np.where(tested["claim"].isin(["C10", "C11"]), 1, 2)).all()


def test_claims_are_evaluated_on_the_files(tmp_path):
    settings = config(bootstrap=100)
    Factory(tmp_path, settings).write()
    write_tables(settings, tmp_path, lambda line: None)
    lines = []
    write_claims(settings, tmp_path, lines.append)
    tables = {name: read_csv(tmp_path / "tables" / f"{name}.csv") for name in ("claims", "timing_claims")}
    assert tables["timing_claims"]["claim"].tolist() == ["C9"]
    both = {**tables["claims"].set_index("claim")["verdict"], "C9": tables["timing_claims"]["verdict"][0]}
    assert both == dict(verdicts(settings=settings)["verdict"])
    assert set(read_csv(tmp_path / "tables" / "timing_claim_parts.csv")["claim"]) == {"C9"}
    assert "C9" not in set(read_csv(tmp_path / "tables" / "claim_parts.csv")["claim"])
    assert "C3 as described: supported" in lines[0]


def test_claims_on_two_ablated_requests_are_undecided_and_say_what_is_needed():
    table = verdicts()
    assert table.loc[["C10", "C11"], "verdict"].tolist() == ["undecided", "undecided"]
    assert "2 requests: no interval" in table.loc["C11", "why"]
    assert "4 of the parts have no interval, which takes at least 6 requests" in table.loc["C11", "power"]


@pytest.mark.parametrize(
    ("claim", "planted", "named"),
    [
        ("C1", changed("obj-if", share=(1.0, 1.0), collapsed=(False, False)), "obj-if"),
        ("C2", changed("sample-ft", share=(0.1, 0.9)), "sample-ft removes"),
        ("C2", changed("sample-ft", same_image=3.0), "sample-ft damages A2"),
        ("C3", changed("obj-mk-ns", share=(-0.1, -0.1)), "obj-mk-ns removes"),
        ("C3", changed("obj-mk-pa", category=40.0), "obj-mk-pa keeps A3"),
        ("C3", changed("feat-mk", category=5.0), "feat-mk damages A3"),
        ("C4", changed("obj-mk-ns", share=(0.9, 0.0)), "obj-mk-ns removes"),
        ("C5", changed("obj-mk-pa", same_image=25.0), "obj-mk-pa removes the object with the least A2"),
        ("C6", changed("obj-mk-pa", latent=(1.0, 1.0, 1.0)), "obj-mk-pa moves"),
        ("C8", changed("obj-mk-pa", query=0.9), "obj-mk-pa"),
    ],
)
def test_the_opposite_effect_contradicts(claim, planted, named):
    table = verdicts(planted)
    assert table.loc[claim, "verdict"] == "contradicted"
    assert named in table.loc[claim, "why"]


def test_one_collapsed_method_is_enough_and_none_is_not():
    none = {name: replace(PAPER[name], collapsed=(False, False)) for name in PAPER}
    assert "some NG or IF method collapses" in verdicts(none).loc["C5", "why"]
    assert verdicts(none).loc["C5", "verdict"] == "contradicted"
    one = {**none, **changed("obj-ng"), **changed("feat-if", same_image=9.0, collapsed=(False, False))}
    assert verdicts(one).loc["C5", "verdict"] == "supported"


def test_rivals_are_only_methods_that_remove():
    """A method that does nothing changes nothing: it is no rival."""
    idle = changed("feat-if", share=(0.0, 0.0), same_image=0.1, category=0.1, collapsed=(False, False))
    assert verdicts(idle).loc["C5", "verdict"] == "supported"


def test_an_obj_mk_method_that_leaves_the_object_in_place_is_not_compared():
    """That it does not remove is said by C4: C5 is about those that do."""
    one = verdicts(changed("obj-mk-pa", share=(1.0, 0.0))).loc["C5"]
    assert one["verdict"] == "supported"
    assert one["why"].endswith("so not obj-mk-pa.")
    both = {name: replace(PAPER[name], share=(1.0, 0.0)) for name in ("obj-mk-pa", "obj-mk-ns")}
    claims, parts = evaluated(both)
    assert claims.set_index("claim").loc["C5", "verdict"] == "undecided"
    untested_part = parts[(parts["claim"] == "C5") & (parts["note"] == "no Obj-MK method removes the object")]
    assert untested_part["holds"].tolist() == ["unclear"]


def test_one_method_whose_tasks_differ_is_enough_against_c7():
    """An average over methods and groups, as it was judged before, would hide it."""

    def farther(table):
        rows = (table["method"] == "feat-if") & (table["group"] == "target")
        return table.assign(
            value=table["value"].where(~(rows & (table["task"] == "synthesis")), 2 * table["value"])
        )

    table = evaluated(latent=farther)[0].set_index("claim")
    assert table.loc["C7", "verdict"] == "contradicted"
    assert "26 of 27 parts hold" in table.loc["C7", "why"]
    assert "against it: feat-if moves target as far" in table.loc["C7", "why"]


def test_the_verdict_on_cost_follows_from_the_configuration_and_names_who_is_in_the_band():
    settings = config()
    settings["references"] = {"bank": {"models": 4, "share": 0.5}}  # one model a request has no band
    for seconds in (60.0, 780.0):
        row = verdicts(changed("retrain", seconds=seconds), settings).loc["C9"]
        assert row["verdict"] == "by construction"
        assert "obj-mk-pa at" in row["why"].partition("in the band of retraining")[2]
    settings["methods"] |= dict.fromkeys(("retrain", "retrain-person", "retrain-sample"))
    row = verdicts(changed("obj-mk-pa"), settings).loc[
        "C9"
    ]  # compared with the bank's models, which cost as much
    assert np.isfinite(row["effect"]) and "obj-mk-pa at" in row["why"]


def test_a_mask_of_the_paper_is_judged_by_the_names_of_its_variants():
    settings = config()
    settings["methods"] |= {
        f"{name}-described": {"variant_of": name, "mask_on": "input", "loss_region": "outside"}
        for name in ("feat-mk", "obj-mk-pa")
    }
    idle = {"obj-mk-pa-described": replace(PAPER["obj-mk-pa"], share=(0.0, 0.0))}
    table, parts = evaluated(idle, settings)
    table = table.set_index("claim")
    assert table.loc["C3", "verdict"] == "supported"
    assert table.loc["C3-described", "verdict"] == "contradicted"
    assert "obj-mk-pa-described removes" in table.loc["C3-described", "why"]
    assert HIDDEN in table.loc["C3-described", "why"] and HIDDEN not in table.loc["C3", "why"]
    settings["training"]["masking"]["hide_image"] = 0.5
    assert HIDDEN not in verdicts(idle, settings).loc["C3-described", "why"]
    assert "obj-mk-ns" in set(parts.loc[parts["holds"] == "unclear", "part"])


def test_queries_are_not_tested_where_nothing_was_removed():
    planted = {**changed("obj-mk-pa", share=(0.0, 0.0)), **changed("obj-mk-ns", share=(0.0, 0.0))}
    table = verdicts(planted)
    assert table.loc["C8", "verdict"] == "undecided"
    assert "nothing was removed for certain" in table.loc["C8", "why"]


def test_what_a_query_does_to_the_references_is_no_recovery():
    """The query lowers every model's error alike, the retrained ones' included."""
    everywhere = {name: replace(PAPER[name], query=0.4) for name in PAPER}
    settings = config(min_requests=5)
    assert verdicts(everywhere, settings).loc["C8", "verdict"] == "supported"
    alone = changed("obj-mk-pa", query=0.4) | changed("obj-mk-ns", query=0.9)
    assert verdicts(alone, settings).loc["C8", "verdict"] == "contradicted"


def test_a_query_is_about_the_primary_target_alone():
    """Other targets of a set are drawn well or badly; a query that changes nothing brings nothing back."""
    settings = config(min_requests=5)
    factory = Factory(Path(), settings)
    metrics = factory.table("metrics")
    rows = (metrics["dimension"] == "target_error") & (metrics["metric"] == "mae")
    metrics.loc[rows & (metrics["method"] == "obj-mk-pa"), "value"] += 30
    evidence = Evidence(settings, metrics, factory.table("queries"))
    finding = recovered(evidence, "obj-mk-pa", RECONSTRUCTION, "neighbor")
    plain = Evidence(settings, factory.table("metrics"), factory.table("queries"))
    assert finding == recovered(plain, "obj-mk-pa", RECONSTRUCTION, "neighbor")
    assert finding.holds is False


def test_a_query_that_hides_the_target_from_the_original_decides_nothing():
    hidden = changed("original", query=-50.0, share=(0.01, 0.01))
    table = verdicts(hidden, config(min_requests=5))
    assert table.loc["C8", "verdict"] == "undecided"
    assert "not even the original generates the target" in table.loc["C8", "why"]


def test_an_effect_at_its_threshold_is_undecided():
    table = verdicts(changed("sample-ft", share=(0.5, 0.5)))
    assert table.loc["C2", "verdict"] == "undecided"
    assert "would be decided" in table.loc["C2", "power"] or "so near" in table.loc["C2", "power"]


def test_with_few_requests_every_claim_is_undecided():
    settings = config()
    settings["requests"]["kinds"] = kinds(object=2)
    table = verdicts(settings=settings)
    assert set(table["verdict"]) == {"undecided", "by construction"}


def test_a_claim_about_a_method_that_was_not_run_is_undecided():
    settings = config()
    settings["methods"]["feat-mk"] = None
    table = verdicts(settings=settings)
    assert table.loc["C3", "verdict"] == "undecided"
    assert "not measured" in table.loc["C3", "why"]


def finding(mean, spread=1.0, threshold=0.0, requests=8):
    """Return a finding on values with an exact mean and standard deviation."""
    values = np.random.default_rng(requests).normal(0, 1, requests)
    values = mean + spread * (values - values.mean()) / values.std(ddof=1)
    return Finding.above(BOOTSTRAP.interval(values[:, None]), threshold, "units")


def test_a_part_that_fails_by_chance_does_not_contradict_many():
    """p = 0.03 among ten parts; alone it would decide."""
    weak, unknown = finding(-0.98), finding(0.0)
    assert 0.02 < weak.p < 0.05
    alone = conclude([Part("weak", weak)], 0.05, 6)
    among = conclude([Part("weak", weak), *[Part("open", unknown)] * 9], 0.05, 6)
    assert (alone.verdict, alone.uncorrected) == ("contradicted", "contradicted")
    assert (among.verdict, among.uncorrected) == ("undecided", "contradicted")
    assert "contradicted without correction for 10 parts" in among.why
    assert among.power.startswith("1 would be decided, with a chance of 80%, by about")
    assert "9 lie so near their threshold that neither more requests nor more seeds" in among.power


def test_what_was_tested_and_withheld_stays_one_of_its_family():
    """A part that another metric contradicts is one of those that had a chance to be decided by luck."""
    weak, withheld = finding(-0.98), finding(50.0).undecided("ssim contradicts")
    few = finding(50.0, requests=3).undecided("not tested anyway")
    among = conclude([Part("weak", weak), Part("withheld", withheld)], 0.05, 6)
    assert among.verdict == "undecided" and among.uncorrected == "contradicted"
    assert [p for *_, p, _ in among.parts] == [pytest.approx(2 * weak.p), 1.0]
    assert "1 are left open by what is said beside their number" in among.power
    # What has no interval was not tested.
    alone = conclude([Part("weak", weak), Part("few", few)], 0.05, 6)
    assert alone.verdict == "contradicted"
    opened = all_of([finding(50.0), finding(0.0)])
    assert opened.p == 1.0 and np.isnan(all_of([untested("nobody looked")]).p)


def test_a_verdict_quotes_numbers_that_one_can_read():
    """Not 8.11e-05: below the third decimal nothing here has a meaning."""
    exact = Interval(mean=8.11e-05, low=-0.0161, high=1834.56, requests=24, seeds=2)
    part = Part("it", replace(finding(50.0), effect=exact))
    assert part.number() == "0 units [−0.016, 1830]"


def test_power_is_what_a_t_test_needs():
    """At 80 % power and 5 %, an effect of half a standard deviation takes 34 pairs."""
    assert needed(finding(0.5, requests=20), 0.05, 6) == pytest.approx(34, abs=1)
    assert needed(finding(50.0), 0.05, 6) == 6
    assert np.isinf(needed(finding(0.0), 0.05, 6))
    assert np.isnan(needed(finding(1.0, requests=3), 0.05, 6))


def test_what_is_undecided_takes_more_requests_than_there_are():
    """The correction that left it undecided is in the number: for the parts, and for the alternatives of a part."""
    likely, unknown = finding(0.98), finding(0.0)
    found = any_of([likely, *[unknown] * 17])
    assert (found.holds, found.chances) == (True, 18)
    verdict = conclude([Part("one of many", found)], 0.05, 6)
    assert (verdict.verdict, verdict.uncorrected) == ("undecided", "supported")
    ((_, _, p, requests),) = verdict.parts
    assert p > 0.05 and requests > likely.effect.requests
    assert requests > needed(likely, 0.05, 6)


def test_what_differs_by_seed_takes_more_seeds():
    """Student's t of three seeds, by hand where requests do not matter."""
    seeds = np.array([0.5, 1.0, 1.5])
    apart = Finding.above(BOOTSTRAP.interval(np.tile(seeds, (12, 1))), 0.0, "units")
    assert apart.holds is None
    assert np.isinf(needed(apart, 0.05, 6))
    number = int(needed(apart, 0.05, 3, SEEDS))
    reach = [stats.t.ppf(0.975, n - 1) + stats.t.ppf(0.8, n - 1) for n in (number - 1, number)]
    spread = seeds.std(ddof=1) / np.sqrt([number - 1, number])
    assert reach[0] * spread[0] > 1.0 >= 0.97 * reach[1] * spread[1]
    assert np.isnan(needed(finding(0.5), 0.05, 3, SEEDS))
    power = conclude([Part("it", apart)], 0.05, 6).power
    assert (
        power
        == f"1 differ so much by seed that no requests decide them, but about {number} training seeds would."
    )


def test_conjunction_and_disjunction_of_findings():
    yes, no, unknown = finding(50.0), finding(-50.0), finding(0.0)
    assert all_of([yes, finding(2.0)]).p == finding(2.0).p
    assert all_of([no, yes, unknown]).holds is False
    assert all_of([no, yes, unknown]).p == pytest.approx(3 * no.p)
    assert all_of([yes, unknown]).holds is None
    assert any_of([no, yes, unknown]).holds is True
    assert any_of([no, unknown]).holds is None
    assert any_of([no, finding(-2.0)]).holds is False
    assert conclude(
        [Part("it", untested("nobody looked"))], 0.05, 6
    ).why == "0 of 1 parts hold for certain; " + ("undecided: it (nobody looked).")


def test_kleenes_logic():
    assert every([True, True]) is True
    assert every([None, False]) is False
    assert every([True, None]) is None
    assert every([]) is None
