"""Tables: ids that look like numbers stay text, damaged files are named, and equal runs make equal bytes."""

from pathlib import Path

import pytest

from soulbench.analysis.arrays import natural_order
from soulbench.analysis.claims.table import write_claims
from soulbench.analysis.tables import write_tables
from soulbench.config import runs
from soulbench.core.columns import FINDING, FLAG, NUMBER, TEXT, WHOLE
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.figures._gallery import BenchmarkImages
from soulbench.report.grids import grids
from tests.unit.records_factory import Factory, config
from tests.unit.scenes_factory import kinds

IDS = ("1", "007", "NA", "nan", "true", "1e5", "null", "7", "07")


def small(*names, **analysis):
    """Return a configuration of a few methods with a short bootstrap."""
    settings = config(bootstrap=100, **analysis)
    chosen = names or ("original", "noop-ft", "retrain", "obj-if")
    settings["methods"] = {name: {} for name in chosen}
    settings["requests"]["kinds"] = kinds(object=2)
    settings["ablations"] |= {"requests": 2 if "obj-if" in chosen else 0, "modules": ["graph", "decoder"]}
    return settings


def write(folder, settings, **more):
    """Write planted records, the tables and the claims; return the tables by name, as bytes."""
    Factory(folder, settings, **more).write()
    write_tables(settings, folder, lambda line: None)
    write_claims(settings, folder, lambda line: None)
    return {path.stem: path.read_bytes() for path in (folder / "tables").glob("*.csv")}


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """The results of a benchmark whose requests have ids that look like something else."""
    folder = tmp_path_factory.mktemp("named")
    settings = small()
    lines = [f"{name},{100 + index},{1000 + index}" for index, name in enumerate(IDS)]
    (folder / "wanted.csv").write_text("\n".join(["request,image_id,object_id", *lines]) + "\n")
    settings["requests"]["file"] = str(folder / "wanted.csv")
    assert tuple(runs.request_ids(settings)) == IDS
    write(folder, settings)
    return ResultPaths(str(folder))


@pytest.mark.parametrize("name", ["metrics", "latent", "queries", "memorised", "sod", "timing_jobs"])
def test_ids_are_text_in_every_table(named, name):
    assert set(read_csv(named.table(name))["request"]) - {"all-requests"} == set(IDS)


def test_ids_of_ablated_requests_are_text(named):
    for name in ("ablation_modules", "ablation_alpha", "timing_modules"):
        assert list(dict.fromkeys(read_csv(named.table(name))["request"])) == list(IDS[:2])


def test_every_request_keeps_its_category(named):
    assert set(read_csv(named.table("memorised"))["category"]) > {"man", "woman", "boy"}


def test_the_page_and_the_mosaics_find_every_request(named, monkeypatch):
    monkeypatch.setattr("soulbench.figures._gallery.PackedScenes.open", lambda path: None)
    images = BenchmarkImages(small(), named)
    assert [images.target(name)[0] for name in IDS] == list(range(100, 100 + len(IDS)))
    assert images.example_request() in IDS
    assert any('"007"' in grid["data"] for grid in grids(Path(named.table())))


def test_the_order_of_ids_does_not_depend_on_chance():
    for order in (IDS, IDS[::-1]):
        assert sorted(order, key=natural_order)[:4] == ["1", "1e5", "007", "07"]


def test_only_the_tables_on_timing_differ_between_two_runs(tmp_path):
    first, second = (write(tmp_path / str(slowness), small(), slowness=slowness) for slowness in (1.0, 37.5))
    different = {name for name in first if first[name] != second[name]}
    assert different >= {"timing", "timing_jobs", "timing_modules"}
    assert {name for name in first if name.startswith("timing")} >= different
    assert set(first) == set(second)


@pytest.mark.parametrize("names", [("original",), ("original", "noop-ft"), ("original", "retrain")])
def test_few_methods_make_tables_that_can_be_read(tmp_path, names):
    tables = write(tmp_path, small(*names))
    for name in tables:
        read_csv(tmp_path / "tables" / f"{name}.csv")


SCHEMA = {"id": TEXT, "number": NUMBER, "count": WHOLE, "flag": FLAG, "finding": FINDING}
GOOD = "id,number,count,flag,finding\n007,0.5,3,True,False\n"
BAD = {
    "empty": (b"", "it is empty"),
    "no header": (b"\n", "No columns"),
    "cut within a line": (GOOD[:-3].encode(), "ends within a line"),
    "fewer values": (GOOD.replace(",3,True,False", "").encode(), "invalid literal|convert"),
    "more values": ((GOOD + "1,2,3,True,True,4\n").encode(), "Expected 5 fields in line 3, saw 6"),
    "more values throughout": (GOOD.replace("007", "007,8").encode(), "cannot be cast|more or fewer|convert"),
    "a column is missing": (
        GOOD.replace("count", "Count").encode(),
        "no column count, no column Count is known",
    ),
    "a column twice": (GOOD.replace("number", "id").encode(), "no column number, no column id.1 is known"),
    "text for a number": (GOOD.replace("0.5", "half").encode(), "half"),
    "nan for a number": (GOOD.replace("0.5", "nan").encode(), "column 1"),
    "a fraction for a whole number": (GOOD.replace("3", "3.5").encode(), "column 2"),
    "no whole number": (GOOD.replace("3", "").encode(), "''"),
    "a huge whole number": (GOOD.replace("3", "9" * 30).encode(), "Overflow|too large|convert"),
    "text for a flag": (GOOD.replace("True", "maybe").encode(), "column 3"),
    "text for a finding": (GOOD.replace("False", "maybe").encode(), "maybe"),
    "an open quote": (GOOD.replace("007", '"007').encode(), "EOF inside string"),
    "Latin-1": (GOOD.replace("007", "é").encode("latin-1"), "utf-8"),
    "UTF-16": (GOOD.encode("utf-16"), "utf-8"),
}


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD)
def test_a_damaged_table_is_named(tmp_path, content, reason):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(
        UserError,
        match=rf"table\.csv: damaged \(.*({reason}).*its rule makes it anew",
    ):
        read_csv(path, SCHEMA)


def test_a_folder_in_a_tables_place_and_an_absent_table_are_named(tmp_path):
    (tmp_path / "summary.csv").mkdir()
    with pytest.raises(UserError, match=r"summary\.csv: cannot be read \(Is a directory\)"):
        read_csv(tmp_path / "summary.csv")
    with pytest.raises(UserError, match=r"metrics\.csv: there is no such table"):
        read_csv(tmp_path / "metrics.csv")


def test_columns_beyond_the_schema_are_refused_unless_their_type_is_given(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("id,more\n007,1\n")
    with pytest.raises(UserError, match="no column more is known"):
        read_csv(path, {"id": TEXT})
    assert read_csv(path, {"id": TEXT}, others=NUMBER)["more"].tolist() == [1.0]
