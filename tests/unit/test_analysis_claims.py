"""Verdicts on planted effects: a claim is supported if its effect was planted, and contradicted by the opposite."""

from dataclasses import replace
from pathlib import Path

import pytest

from soulbench.analysis.claims.parts import every, some
from soulbench.analysis.claims.verdicts import Tables, evaluate_claims, write_claims
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.tables import write_tables
from soulbench.core.tables import read_csv
from tests.unit.planted_methods import PAPER
from tests.unit.records_factory import Factory, config
from tests.unit.scenes_factory import kinds


def verdicts(planted=None, settings=None):
    settings = settings or config()
    factory = Factory(Path(), settings, planted)
    tables = Tables(
        evidence=Evidence(settings, factory.table("metrics"), factory.table("queries")),
        latent=factory.table("latent"),
        jobs=factory.jobs(),
        modules=factory.ablation("modules"),
        alpha=factory.ablation("alpha"),
        config=settings,
    )
    return evaluate_claims(tables).set_index("claim")


def changed(name, **more):
    return {name: replace(PAPER[name], **more)}


def test_the_papers_planted_effects_support_every_claim():
    settings = config()
    settings["ablations"] = {**settings["ablations"], "requests": 6}
    table = verdicts(settings=settings)
    assert table.index.tolist() == [f"C{number}" for number in range(1, 12)]
    assert dict(table["verdict"]) == dict.fromkeys(table.index, "supported")
    assert (table["ci_low"] <= table["effect"]).all()
    assert (table["effect"] <= table["ci_high"]).all()


def test_claims_are_evaluated_on_the_files(tmp_path):
    settings = config(bootstrap=100)
    Factory(tmp_path, settings).write()
    write_tables(settings, tmp_path, lambda line: None)
    lines = []
    write_claims(settings, tmp_path, lines.append)
    written = read_csv(tmp_path / "tables" / "claims.csv").set_index("claim")
    on_seconds = read_csv(tmp_path / "tables" / "timing_claims.csv").set_index("claim")
    assert list(on_seconds.index) == ["C9"]
    both = {**written["verdict"], **on_seconds["verdict"]}
    assert both == dict(verdicts(settings=settings)["verdict"])
    assert "C3 supported" in lines[0]


def test_claims_on_two_ablated_requests_are_undecided():
    table = verdicts()
    assert table.loc[["C10", "C11"], "verdict"].tolist() == ["undecided", "undecided"]
    assert "2 requests: no interval" in table.loc["C11", "why"]


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
        ("C5", changed("feat-if", collapsed=(False, False)), "feat-if collapses"),
        ("C5", changed("obj-mk-pa", same_image=25.0), "obj-mk-pa is best in A2"),
        ("C6", changed("obj-mk-pa", latent=(1.0, 1.0, 1.0)), "obj-mk-pa moves"),
        ("C8", changed("obj-mk-pa", query=0.9), "obj-mk-pa"),
        ("C9", changed("retrain", seconds=60.0), "fine-tuning costs"),
    ],
)
def test_the_opposite_effect_contradicts(claim, planted, named):
    table = verdicts(planted)
    assert table.loc[claim, "verdict"] == "contradicted"
    assert named in table.loc[claim, "why"]


def test_queries_are_not_tested_where_nothing_was_removed():
    planted = {**changed("obj-mk-pa", share=(0.0, 0.0)), **changed("obj-mk-ns", share=(0.0, 0.0))}
    table = verdicts(planted)
    assert table.loc["C8", "verdict"] == "undecided"
    assert "nothing was removed for certain" in table.loc["C8", "why"]


def test_an_effect_at_its_threshold_is_undecided():
    table = verdicts(changed("sample-ft", share=(0.5, 0.5)))
    assert table.loc["C2", "verdict"] == "undecided"


def test_with_few_requests_every_claim_is_undecided():
    settings = config()
    settings["requests"]["kinds"] = kinds(object=2)
    table = verdicts(settings=settings)
    assert set(table["verdict"]) == {"undecided"}


def test_a_claim_about_a_method_that_was_not_run_is_undecided():
    settings = config()
    settings["methods"]["feat-mk"] = None
    table = verdicts(settings=settings)
    assert table.loc["C3", "verdict"] == "undecided"
    assert "not measured" in table.loc["C3", "why"]


def test_kleenes_logic():
    assert every([True, True]) is True
    assert every([None, False]) is False
    assert every([True, None]) is None
    assert every([]) is None
    assert some([False, True, None]) is True
    assert some([False, None]) is None
    assert some([False, False]) is False
