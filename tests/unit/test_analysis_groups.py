"""Methods beyond the paper stand beside the paper's nine, and change nothing of what is certain of these."""

import pandas as pd
import pytest

from soulbench.analysis import methods
from soulbench.analysis.claims.table import write_claims
from soulbench.analysis.tables import write_tables
from soulbench.core.paths import ResultPaths
from tests.unit.planted_methods import PlantedMethod
from tests.unit.records_factory import Factory, config

BEYOND = {
    "ssd": PlantedMethod((0.5, 0.5), 4.0, 6.0, 6.0, 13.0),
    "leak-aware": PlantedMethod((1.0, 1.0), 3.0, 5.0, 5.0, 12.5, seconds=3000.0),
}


def settings(*names):
    found = config(bootstrap=100)
    found["methods"].update({name: {} for name in names}, variant={"variant_of": "obj-mk-pa"})
    found["ablations"]["requests"] = 0
    return found


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Return the tables of a benchmark without and with further methods."""
    found = []
    for names in ((), tuple(BEYOND)):
        folder, own = tmp_path_factory.mktemp("results"), settings(*names)
        Factory(folder, own, BEYOND).write()
        write_tables(own, folder, lambda line: None)
        write_claims(own, folder, lambda line: None)
        paths = ResultPaths(str(folder))
        kinds = ("scoreboard", "contrasts", "claims", "timing_claims")
        found.append({name: pd.read_csv(paths.table(name)) for name in kinds})
    return found


def test_groups_and_their_order():
    own = settings(*BEYOND)
    order = methods.ordered(own, own["methods"])
    groups = [methods.group(own, name) for name in order]
    assert order[-2:] == ["leak-aware", "ssd"]
    assert order.index("variant") == order.index("obj-mk-pa") + 1
    assert groups == sorted(groups, key=["reference", "paper", methods.BEYOND].index)
    assert methods.of_paper(own, order) == order[:-2]


@pytest.mark.parametrize("table", ["scoreboard", "contrasts"])
def test_further_methods_change_no_row_of_the_papers(tables, table):
    without, beside = (both[table] for both in tables)
    assert set(BEYOND) <= set(beside["method"])
    kept = beside[~beside["method"].isin(BEYOND)].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, without)


@pytest.mark.parametrize("table", ["claims", "timing_claims"])
def test_further_methods_change_no_claim_of_the_paper(tables, table):
    pd.testing.assert_frame_equal(*(both[table] for both in tables))


def test_the_scoreboard_names_the_groups(tables):
    named = tables[1]["scoreboard"].set_index("method")["group"]
    assert set(named[["ssd", "leak-aware"]]) == {"beyond the paper"}
    assert set(named[["obj-if", "variant"]]) == {"paper"}
    assert set(named[["noop-ft", "retrain"]]) == {"reference"}
