"""What attacks find on planted numbers: beside the control, with a verdict of the greatest budget, corrected."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soulbench.analysis.attacks import NO_ATTACK, attack_rows, judged, leaks
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.letters import change_and_leak, letters
from soulbench.analysis.statistics import holm, rank_correlation
from soulbench.analysis.update_leak import stands_out
from soulbench.config import runs
from soulbench.core import plugins
from soulbench.core.columns import TABLES
from soulbench.core.damage import DamagedFile
from soulbench.core.records import read_json, write_json
from soulbench.core.terms import BANK, IDENTITY, LEAK, RESEED, TASKS
from tests.unit.planted_attacks import BUDGETS, GREY, write_attacks
from tests.unit.planted_methods import PlantedMethod
from tests.unit.records_factory import PROVENANCE, Factory, config

#: Two attacks with a file of their own, which the plant knows nothing of but their declarations.
ATTACK = """
BUDGET = "queries"
METRICS = {metrics}
JUDGED = "{judged}"


def attack(models, parameters):
    return iter(())
"""
MANY = {
    "found": ({"found-again": ("share of pairs", "greater"), "cost": ("steps", "smaller")}, "found-again"),
    "near": ({"error": ("grey levels", "smaller")}, "error"),
}


def configured(folder):
    """Return a configuration with two attacks of files outside of the package, which are written to a folder."""
    settings = config(bootstrap=200)
    names = ("original", "noop-ft", "retrain", "obj-mk-pa", "obj-mk-ns", "obj-if")
    settings["methods"] = {name: {} for name in names}
    for name, (metrics, what) in MANY.items():
        (folder / f"{name}.py").write_text(ATTACK.format(metrics=metrics, judged=what))
    settings["plugins"] = [str(folder / f"{name}.py") for name in MANY]
    settings["attacks"] = {name: {} for name in MANY}
    return settings


@pytest.fixture
def settings(tmp_path):
    plugins.forget()
    return configured(tmp_path)


def tables(folder, settings, planted=None):
    """Return attacks.csv and leaks.csv of planted records."""
    factory = Factory(folder / "run", settings, planted)
    write_attacks(factory, PROVENANCE)
    metrics, queries = factory.table("metrics"), factory.table("queries")
    attacks = attack_rows(settings, factory.paths, metrics, queries)
    return attacks, leaks(Evidence(settings, metrics, queries), attacks)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Configuration, attacks.csv and leaks.csv, without a bank and with all requests."""
    folder = tmp_path_factory.mktemp("made")
    settings = configured(folder)
    return settings, *tables(folder, settings)


def with_bank(settings):
    return {**settings, "references": {"bank": {"models": 4, "share": 0.5}}}


def test_every_attack_is_in_both_tables_in_one_form(made):
    settings, attacks, leaked = made
    queries = {f"query-{name}" for name in settings["evaluation"]["queries"]}
    assert set(attacks["attack"]) == set(leaked["attack"]) == {NO_ATTACK, *MANY, LEAK, IDENTITY, *queries}
    assert list(attacks) == list(TABLES["attacks"]) and list(leaked) == list(TABLES["leaks"])
    assert RESEED not in set(attacks["method"])
    assert "retrain" not in set(leaked["method"]), "the control is not compared with itself"
    missing = attacks[attacks["value"].isna()]
    assert set(missing["status"]) == {"not applicable: person has no more general label"}
    assert set(missing["request"]) == {"r6"}


def test_what_is_there_without_an_attack_is_listed_and_no_part_of_the_letter(made):
    """Else one could not tell what an attack brings back from what was never gone."""
    settings, attacks, leaked = made
    factory = Factory(Path(), settings)
    plain = factory.table("queries").query("query == 'none' and metric == 'mae' and method == 'noop-ft'")
    own = attacks[(attacks["attack"] == NO_ATTACK) & (attacks["method"] == "noop-ft")]
    assert sorted(own["value"]) == pytest.approx(sorted(plain["value"]))
    rows = leaked[(leaked["attack"] == NO_ATTACK) & (leaked["method"] == "noop-ft")]
    assert (rows["leaks"] == "yes").all(), "it forgets nothing"
    assert rows["excess"].to_numpy() == pytest.approx((rows["control"] - rows["value"]).to_numpy(), abs=0.5)
    found = leaked_rows("yes").assign(attack=NO_ATTACK)
    assert letters(settings, BOARD, found)[["leaks", "leaking"]].to_numpy().tolist() == [["unclear", ""]]


def test_where_the_control_is_near_its_ceiling_less_counts():
    """A target that always stands out most cannot exceed a control of 0.98 by 0.05."""
    settings = with_bank({**config(), "attacks": {}})
    planted = {"obj-mk-pa": PlantedMethod((1, 1), leak=0.999), "retrain": PlantedMethod((1, 1), leak=0.98)}
    factory = Factory(Path(), settings, planted)
    metrics = factory.table("metrics")
    evidence = Evidence(settings, metrics[metrics["method"] != "retrain"], factory.table("queries"))
    control = metrics[
        (metrics["method"] == BANK) & (metrics["dimension"] == LEAK) & (metrics["metric"] == "auc")
    ]
    finding = stands_out(evidence, "obj-mk-pa", TASKS[0])
    assert finding.threshold < 0.05
    assert finding.threshold <= (1 - control["value"].min()) / 2


def test_the_control_is_the_mean_of_models_that_never_saw_the_targets(tmp_path, settings):
    settings = with_bank(settings)
    # A model of the bank that saw the targets is as easily attacked as the original: it must not count.
    planted = {"retrain": PlantedMethod((1, 1), leak=0.5), "original": PlantedMethod((0, 0), leak=1.0)}
    attacks, leaked = tables(tmp_path, settings, planted)
    of_bank = attacks[attacks["method"] == BANK]
    for (attack, request), rows in of_bank.groupby(["attack", "request"]):
        assert set(rows["seed"]) == {*runs.out_models(settings, request)}, attack
    own = attacks[(attacks["attack"] == "found") & (attacks["metric"] == "found-again")]
    for keys, rows in own.groupby(["request", "task", "budget"]):
        mean = rows.loc[rows["method"] == BANK, "value"].mean()
        assert rows["control"].to_numpy() == pytest.approx(mean), keys
        assert mean == pytest.approx(0.5, abs=0.05)
    control = leaked.loc[(leaked["attack"] == "found") & (leaked["method"] == "original"), "control"]
    assert control.to_numpy() == pytest.approx(0.5, abs=0.02)
    assert BANK not in set(leaked["method"]) and "retrain" in set(leaked["method"])


def test_the_attacker_is_better_off_on_the_side_that_the_attack_declares(made):
    _, _, leaked = made
    rows = leaked.set_index(["attack", "method", "task"])
    for task in TASKS:
        greater, smaller = rows.loc["found", "obj-mk-pa", task], rows.loc["near", "obj-mk-pa", task]
        assert greater["value"] > greater["control"] and smaller["value"] < smaller["control"]
        assert greater["excess"] == pytest.approx(0.95 - 0.6, abs=0.03)
        assert smaller["excess"] == pytest.approx(GREY * (0.95 - 0.6), abs=1.5)
        assert greater["excess"] == pytest.approx(greater["value"] - greater["control"])
        assert smaller["excess"] == pytest.approx(smaller["control"] - smaller["value"])
        assert (greater["threshold"], smaller["threshold"]) == (0.05, 2.55)
        assert greater["leaks"] == smaller["leaks"] == "yes"
        assert rows.loc["found", "obj-if", task]["leaks"] == "no"


def test_the_verdict_is_that_of_the_greatest_budget_and_the_judged_metric(made):
    settings, _, leaked = made
    own = leaked[leaked["attack"].isin(MANY)]
    assert set(own["budget"]) == {max(BUDGETS)}
    assert set(leaked[leaked["attack"] == "found"]["metric"]) == {"found-again"}
    assert judged(settings, "found") == ("found-again", "share of pairs", 1)
    assert judged(settings, "near") == ("error", "grey levels", -1)
    assert judged(settings, LEAK) == ("auc", "share of pairs", 1)
    assert judged(settings, "query-fuzzy") == ("error", "grey levels", -1)


def test_holm_is_over_the_methods_of_an_attack_and_task(made):
    _, _, leaked = made
    methods = ["noop-ft", "original"]
    for keys, rows in leaked[leaked["attack"].isin([*MANY, LEAK])].groupby(["attack", "task"]):
        tested = rows[~rows["method"].isin(methods)]
        assert tested["p_holm"].to_numpy() == pytest.approx(holm(tested["p"].to_numpy())), keys
        references = rows[rows["method"].isin(methods)]
        assert references["p_holm"].isna().all() and len(references) == 2, (
            "references are no part of the family"
        )
        assert (references["leaks"] == references["leaks_uncorrected"]).all()


def test_few_requests_give_points_and_no_verdict(tmp_path, settings):
    settings["attacks"]["found"] = {"requests": 2, "seeds": 1, "methods": ["obj-if"]}
    attacks, leaked = tables(tmp_path, settings)
    own = attacks[attacks["attack"] == "found"]
    assert set(own["request"]) == {"r1", "r2"} and set(own["seed"]) == {1}
    assert set(own["method"]) == {"original", "retrain", "obj-if"}
    rows = leaked[leaked["attack"] == "found"]
    assert (rows["n_requests"] == 2).all() and rows["excess_low"].isna().all() and rows["p"].isna().all()
    assert set(rows["leaks"]) == {"unclear"}


def test_a_record_that_is_not_as_it_was_written_is_refused(tmp_path, settings):
    factory = Factory(tmp_path / "run", settings)
    write_attacks(factory, PROVENANCE)
    record = factory.paths.attack("found", "obj-if", 1, "json")
    write_json(record, {key: value for key, value in read_json(record).items() if key != "digests"})
    with pytest.raises(DamagedFile, match=r"found/obj-if/seed1\.json: damaged .* makes it anew"):
        attack_rows(settings, factory.paths, factory.table("metrics"), factory.table("queries"))


def test_where_all_runs_come_out_alike_a_place_has_an_interval_all_the_same(tmp_path, settings):
    """Identification of nobody in any run has no spread; one run that came out otherwise must be thinkable."""
    planted = {name: PlantedMethod((1, 1), kept=-1.0) for name in ("obj-if", "retrain")}
    _, leaked = tables(tmp_path, settings, planted)
    rows = leaked[(leaked["attack"] == IDENTITY) & (leaked["method"] == "obj-if")]
    assert (rows["excess_high"] - rows["excess_low"] > 0.1).all()
    assert set(rows["leaks"]) == {"unclear"}


def leaked_rows(*words, method="one", task="synthesis"):
    """Return leaks.csv of some attacks, as far as letters read it."""
    return pd.DataFrame(
        [(f"attack{number}", method, task, word) for number, word in enumerate(words)],
        columns=["attack", "method", "task", "leaks"],
    )


BOARD = pd.DataFrame(
    [
        ("as described", "original", "reference", "synthesis", "no", "no"),
        ("as described", "one", "object", "synthesis", "yes", "no"),
        ("selected", "one", "object", "synthesis", "no", "no"),
    ],
    columns=["operating_point", "method", "level", "task", "removed", "collapsed"],
)


@pytest.mark.parametrize(
    ("words", "letter", "leaking", "unclear"),
    [
        (("no", "no"), "no", "", ""),
        (("no", "unclear"), "unclear", "", "attack1"),
        (("yes", "unclear", "yes"), "yes", "attack0, attack2", "attack1"),
        ((), "unclear", "", ""),
    ],
)
def test_one_attack_that_finds_more_is_a_leak_and_none_is_not_unless_all_are_certain(
    words, letter, leaking, unclear
):
    table = letters(config(), BOARD, leaked_rows(*words))
    assert list(table) == list(TABLES["letters"])
    assert table.to_numpy().tolist() == [["one", "synthesis", "yes", letter, leaking, unclear]]


def test_an_attack_that_says_so_is_no_part_of_the_letter():
    found = leaked_rows("yes", "no").replace({"attack0": "trace"})
    assert letters({**config(), "attacks": {"trace": {}}}, BOARD, found)["leaks"].tolist() == ["no"]


def test_a_method_that_draws_nothing_any_more_does_not_forget():
    table = letters(config(), BOARD.assign(collapsed="yes"), leaked_rows("no"))
    assert table[["forgets", "leaks"]].to_numpy().tolist() == [["collapsed", "no"]]


def test_a_method_is_not_blamed_for_what_exact_retraining_shows_as_well():
    """The models of a bank are of other seeds, so that the target stands out less beside what else they change."""
    settings = with_bank({**config(), "attacks": {}})

    def found(exact):
        planted = {"obj-mk-pa": PlantedMethod((1, 1), leak=0.97), "retrain": PlantedMethod((1, 1), leak=0.8)}
        factory = Factory(Path(), settings, planted)
        metrics = factory.table("metrics")
        rows = (metrics["method"] == "retrain") & (metrics["dimension"] == LEAK)
        metrics.loc[rows & (metrics["metric"] == "auc"), "value"] = exact
        table = factory.table("queries")
        evidence = Evidence(settings, metrics, table)
        leaked = leaks(evidence, attack_rows(settings, factory.paths, metrics, table))
        assert set(leaked["attack"]) > {LEAK}
        return stands_out(evidence, "obj-mk-pa", TASKS[0]), leaked.set_index(["attack", "method", "task"])

    finding, leaked = found(exact=0.9)
    assert finding.holds and leaked.loc[(LEAK, "obj-mk-pa", TASKS[0]), "leaks"] == "yes"
    finding, leaked = found(exact=0.99)
    assert finding.holds is None and finding.note == "after exact retraining it stands out as much"
    assert leaked.loc[(LEAK, "obj-mk-pa", TASKS[0]), "leaks"] == "unclear"
    assert finding.effect.low > 0.05


def test_methods_beyond_the_paper_are_a_family_of_their_own():
    settings = {**config(), "attacks": {}}
    settings["methods"] = {**settings["methods"], "ssd": {}, "neggrad-plus": {}}
    planted = {name: PlantedMethod((0, 0), leak=0.5) for name in ("ssd", "neggrad-plus")}
    factory = Factory(Path(), settings, planted)
    metrics, queries = factory.table("metrics"), factory.table("queries")
    leaked = leaks(
        Evidence(settings, metrics, queries), attack_rows(settings, factory.paths, metrics, queries)
    )
    rows = leaked[(leaked["attack"] == LEAK) & (leaked["task"] == TASKS[0])].set_index("method")
    own = rows.loc[["neggrad-plus", "ssd"]]
    assert own["p_holm"].to_numpy() == pytest.approx(holm(own["p"].to_numpy()))


def test_ranks_correlate_as_planted():
    numbers = np.array([1.0, 5.0, 2.0, 9.0])
    assert rank_correlation(numbers, np.exp(numbers))[0] == 1.0
    assert rank_correlation(numbers, -numbers)[0] == -1.0
    # Ranks (1, 3, 2, 4) against (1, 2, 3, 4): 1 - 6 * 2 / (4 * 15).
    assert rank_correlation(numbers, np.array([0.1, 0.2, 0.3, 0.4]))[0] == pytest.approx(0.8)
    assert np.isnan(rank_correlation(numbers[:2], numbers[:2])).all()
    assert np.isnan(rank_correlation(numbers, np.ones(4))).all()


def test_change_and_leak_compare_methods_and_no_references():
    names = ("obj-if", "obj-mk-pa", "obj-mk-ns", "original")
    settings = config()
    settings["methods"] = {name: {} for name in ("original", *names)}

    def frame(values, **columns):
        return pd.DataFrame({"method": names, "task": "synthesis", **columns, **values})

    summary = frame({"mean": [1.0, 3.0, 2.0, 9.0]}, dimension="A1", metric="mae", collapsed=False)
    leaked = frame({"value": [0.9, 0.6, 0.7, 0.1]}, attack=LEAK)
    by_task = {one.task: one for one in change_and_leak(settings, summary, leaked)}
    assert (by_task["synthesis"].rho, by_task["synthesis"].methods) == (-1.0, 3)
    destroyed = summary.assign(collapsed=summary["method"] == "obj-mk-pa")
    assert {one.methods for one in change_and_leak(settings, destroyed, leaked)} == {0, 2}
    assert by_task["reconstruction"].methods == 0 and np.isnan(by_task["reconstruction"].rho)
