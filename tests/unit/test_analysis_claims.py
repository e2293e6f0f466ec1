"""Verdicts on planted effects: what was planted must come out, and every claim must be able to fail."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from soulbench.analysis.claims.parts import every, some
from soulbench.analysis.claims.verdicts import Tables, judged, write_claims
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.tables import write_tables
from tests.unit.records_factory import PAPER, Factory, config


def verdicts(planted=None, settings=None, requests=6):
    settings = settings or config()
    made = Factory(Path(), settings, planted, requests)
    evidence = Evidence(settings, made.table("metrics"), made.table("queries"))
    tables = Tables(
        evidence,
        made.table("latent"),
        made.jobs(),
        made.ablation("modules"),
        made.ablation("alpha"),
        settings,
    )
    return judged(tables).set_index("claim")


def changed(name, **more):
    return {name: replace(PAPER[name], **more)}


def test_the_paper_as_planted_is_supported():
    settings = config()
    settings["ablations"] = {**settings["ablations"], "requests": 6}
    found = verdicts(settings=settings)
    assert found.index.tolist() == [f"C{number}" for number in range(1, 12)]
    assert dict(found["verdict"]) == dict.fromkeys(found.index, "supported")
    assert (found["ci_low"] <= found["effect"]).all()
    assert (found["effect"] <= found["ci_high"]).all()


def test_claims_are_judged_from_the_files(tmp_path):
    settings = config(bootstrap=100)
    cells = Factory(tmp_path, settings).write()
    write_tables(settings, tmp_path, cells, tmp_path / "tables", lambda line: None)
    said = []
    write_claims(settings, tmp_path / "tables", tmp_path / "claims.csv", said.append)
    written = pd.read_csv(tmp_path / "claims.csv").set_index("claim")
    assert list(written.columns[:6]) == ["statement", "verdict", "effect", "ci_low", "ci_high", "why"]
    assert dict(written["verdict"]) == dict(verdicts(settings=settings)["verdict"])
    assert "C3 supported" in said[0]


def test_two_ablated_requests_decide_nothing():
    found = verdicts()
    assert found.loc[["C10", "C11"], "verdict"].tolist() == ["undecided", "undecided"]
    assert "2 requests: no interval" in found.loc["C11", "why"]


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
def test_a_planted_opposite_contradicts(claim, planted, named):
    found = verdicts(planted)
    assert found.loc[claim, "verdict"] == "contradicted"
    assert named in found.loc[claim, "why"]


def test_a_method_that_forgets_nothing_leaves_nothing_to_find_again():
    planted = {**changed("obj-mk-pa", share=(0.0, 0.0)), **changed("obj-mk-ns", share=(0.0, 0.0))}
    found = verdicts(planted)
    assert found.loc["C8", "verdict"] == "undecided"
    assert "nothing was removed for certain" in found.loc["C8", "why"]


def test_an_effect_at_its_threshold_is_undecided():
    found = verdicts(changed("sample-ft", share=(0.5, 0.5)))
    assert found.loc["C2", "verdict"] == "undecided"


def test_few_requests_decide_nothing_that_needs_an_interval():
    found = verdicts(requests=2)
    assert set(found["verdict"]) == {"undecided"}


def test_a_benchmark_without_a_method_does_not_judge_it():
    settings = config()
    settings["methods"]["feat-mk"] = None
    found = verdicts(settings=settings)
    assert found.loc["C3", "verdict"] == "undecided"
    assert "not measured" in found.loc["C3", "why"]


def test_kleene():
    assert every([True, True]) is True
    assert every([None, False]) is False
    assert every([True, None]) is None
    assert every([]) is None
    assert some([False, True, None]) is True
    assert some([False, None]) is None
    assert some([False, False]) is False
