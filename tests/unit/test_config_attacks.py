"""Which attacks are planned, on which models and for which requests; and what is wrong with an entry or a file."""

import pytest

from soulbench.config import attacks, files, jobs, runs
from soulbench.config.attacks import AttackRun
from soulbench.config.checks import check
from soulbench.core import plugins
from soulbench.core.errors import UserError
from soulbench.core.sources import ROOT
from soulbench.core.terms import BANK

MINE = '''
from dataclasses import dataclass

BUDGET = "guesses"
METRICS = {"found": ("share", "greater")}
JUDGED = "found"


@dataclass(frozen=True)
class Parameters:
    """Parameters."""

    guesses: int = 3


def attack(models, parameters):
    return iter(())
'''


@pytest.fixture(autouse=True)
def anew():
    """Files of one name differ from test to test."""
    plugins.forget()


def configured(**overlay):
    return files.merge(files.load(ROOT / "config.yaml"), overlay)


@pytest.fixture
def mine(tmp_path):
    """Return a function that configures an attack of a file of one's own."""

    def mine(text=MINE, name="mine", methods=None, **entry):
        path = tmp_path / f"{name.replace('-', '_')}.py"
        path.write_text(text)
        config = configured(plugins=[str(path)], methods=methods or {})
        return config | {"attacks": {name: entry}}

    return mine


def test_all_that_unlearn_are_attacked_and_the_original_and_the_bank_beside_them(mine):
    config = mine()
    planned = attacks.planned(config)
    assert len({*planned}) == len(planned)
    methods = {run.method for run in planned}
    unlearners = {name for name in runs.methods(config) if runs.described_budget(config, name) is not None}
    assert methods == {"original", BANK} | unlearners
    assert {"retrain", "retrain-person"}.isdisjoint(methods)
    assert {run.seed for run in planned if run.method == "original"} == {*config["seeds"]}
    for run in planned:
        requests = attacks.requests_of(config, run)
        if run.method == BANK:
            assert {*requests} == {*runs.request_ids(config)} & {*runs.left_out(config, run.seed)}
        else:
            assert requests == [
                one for one in runs.request_ids(config) if one in runs.requests_of(config, run.method)
            ]


def test_without_a_bank_the_retrained_models_are_the_control(mine):
    config = mine() | {"references": {"bank": None}}
    assert attacks.control(config) == "retrain"
    own = [run for run in attacks.planned(config) if run.method == "retrain"]
    assert own == [AttackRun("mine", "retrain", 1)]
    assert attacks.requests_of(config, own[0]) == ["r1", "r2"], "as many as there are retrained models"


def test_an_entry_says_which_methods_how_many_requests_and_seeds(mine):
    config = mine(methods={"retrain": {"seeds": 1, "requests": 1}}, requests=2, seeds=1) | {
        "attacks": {"mine": {"methods": ["obj-mk-pa"], "requests": 2, "seeds": 1, "guesses": 5}}
    }
    check(config)
    planned = attacks.planned(config)
    assert {(run.method, run.seed) for run in planned if run.method != BANK} == {
        ("original", 1),
        ("obj-mk-pa", 1),
    }
    assert {request for run in planned for request in attacks.requests_of(config, run)} == {"r1", "r2"}
    assert attacks.parameters(config, "mine").guesses == 5


def test_an_attack_that_is_off_is_not_planned(mine):
    config = mine() | {"attacks": {"mine": None}}
    check(config)
    assert attacks.planned(config) == []


def test_an_attack_that_unlearns_is_not_made_on_a_reference_that_sees_retrained_models():
    """Of the targets of later requests, no retrained models are kept from those that judge."""
    every = {"compression": {}, "sequence": {"requests": 2}}
    config = files.merge(configured(), {"methods": {"oracle-match": {}}}) | {"attacks": every}
    check(config)
    attacked = {name: {run.method for run in attacks.planned(config) if run.attack == name} for name in every}
    assert attacked["compression"] - attacked["sequence"] == {"oracle-match"}
    every["sequence"]["methods"] = ["oracle-match"]
    with pytest.raises(
        UserError, match=r"attacks\.sequence\.methods\[0\]: oracle-match is given retrained models"
    ):
        check(config)


def test_a_job_depends_on_its_own_entry_and_file(mine, tmp_path):
    config = mine()
    before = jobs.attack(config, "mine", "obj-if")
    assert jobs.attack(mine(guesses=4), "mine", "obj-if").settings != before.settings
    assert before.settings["plugins"] == config["plugins"]
    other = config | {"attacks": {"mine": {}, "compression": {"bits": [8]}}}
    assert jobs.attack(other, "mine", "obj-if") == before
    plugins.forget()
    from test_sources import forget

    forget()
    assert jobs.attack(mine(MINE.replace("iter(())", "iter([])")), "mine", "obj-if").source != before.source


ENTRIES = {
    "an unknown attack": (
        {"compresion": {}},
        "attacks: there is no attack 'compresion' (did you mean compression?)",
    ),
    "an unknown parameter": (
        {"compression": {"bit": [8]}},
        "attacks.compression.bit: compression has no such parameter (did you mean bits?); known: bits, pruned",
    ),
    "a value of another type": ({"compression": {"bits": ["a"]}}, "attacks.compression.bits: "),
    "an unknown method": (
        {"compression": {"methods": ["obj-mk-pb"]}},
        "attacks.compression.methods[0]: obj-mk-pb is not under methods (did you mean obj-mk-pa?",
    ),
    "a method twice": ({"compression": {"methods": ["obj-if", "obj-if"]}}, "attacks.compression.methods"),
    "no requests": ({"compression": {"requests": 0}}, "attacks.compression.requests: 0 is not allowed"),
    "no entry": ({"compression": 3}, "attacks.compression: 3 is not allowed"),
}


@pytest.mark.parametrize(("entries", "message"), ENTRIES.values(), ids=ENTRIES)
def test_an_entry_that_is_wrong_is_named_with_what_would_be_right(entries, message):
    with pytest.raises(UserError) as caught:
        check(configured() | {"attacks": entries})
    assert str(caught.value).startswith(message)


FILES = {
    "no verdict": (MINE.replace("JUDGED", "JUGED"), "an attack's file must define JUDGED (docs/attacks.md)"),
    "no unit": (
        MINE.replace('("share", "greater")', '"share"'),
        "METRICS must give each metric its unit and the side",
    ),
    "no side": (MINE.replace('"greater"', '"larger"'), "allowed sides: smaller, greater"),
    "no metric": (MINE.replace('{"found": ("share", "greater")}', "{}"), "METRICS must give each metric"),
    "another metric": (
        MINE.replace('JUDGED = "found"', 'JUDGED = "lost"'),
        "JUDGED is 'lost'; allowed: a metric of METRICS: found",
    ),
    "a number of a budget": (
        MINE.replace('BUDGET = "guesses"', "BUDGET = 3"),
        "BUDGET is 3; allowed: what it counts, as text",
    ),
    "a parameter with a meaning of its own": (
        MINE.replace("guesses: int", "requests: int"),
        "Parameters.requests: this name has a meaning",
    ),
    "a parameter without a default": (
        MINE.replace("guesses: int = 3", "guesses: int"),
        "Parameters.guesses: it has no default",
    ),
}


@pytest.mark.parametrize(("text", "message"), FILES.values(), ids=FILES)
def test_a_file_that_is_no_attack_is_named_with_what_it_lacks(mine, tmp_path, text, message):
    with pytest.raises(UserError) as caught:
        check(mine(text))
    assert str(tmp_path / "mine.py") in str(caught.value) and message in str(caught.value)


@pytest.mark.parametrize("name", ["update-leak", "identity", "query-mine"])
def test_the_names_of_attacks_that_an_evaluation_makes_are_taken(mine, name):
    with pytest.raises(UserError, match=f"attacks.csv has an attack {name} already"):
        check(mine(name=name))
