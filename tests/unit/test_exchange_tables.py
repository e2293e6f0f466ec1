"""Published tables, and the comparison of a run with them."""

import gzip
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soulbench.__main__ import main
from soulbench.analysis.claims.table import write_claims
from soulbench.analysis.tables import write_tables
from soulbench.core.errors import UserError
from soulbench.core.tables import read_csv
from soulbench.exchange import published
from soulbench.exchange.compare import compare
from soulbench.exchange.published import publish
from soulbench.exchange.tolerances import COMPARED, KEYS, tolerances
from tests.unit.exchange_factory import settings
from tests.unit.records_factory import Factory

#: Tables that have no rows without a bank.
EMPTY = {"bank", "development", "selected"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The tables of a planted benchmark."""
    folder = tmp_path_factory.mktemp("made")
    Factory(folder, settings()).write()
    for step in (write_tables, write_claims):
        step(settings(), folder, lambda line: None)
    return folder


@pytest.fixture
def run(made, tmp_path):
    """A copy of the tables, to be changed."""
    shutil.copytree(made / "tables", tmp_path / "run" / "tables")
    return tmp_path / "run"


def edit(run: Path, name: str, by) -> None:
    """Change one table of a run."""
    path = run / "tables" / f"{name}.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    by(table).to_csv(path, index=False, lineterminator="\n")


def shifted(column: str, by: float, **where: str):
    """Return an edit that adds a number to one cell: that of the first row with these values."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        rows = table.query(" and ".join(f"{key} == {value!r}" for key, value in where.items()))
        table.loc[rows.index[0], column] = str(float(rows[column].iloc[0]) + by)
        return table

    return change


def only(run: Path, made: Path, name: str, factor: float = 1.0):
    """Compare one table."""
    alone = run.with_name("alone")
    shutil.rmtree(alone, ignore_errors=True)
    alone.mkdir()
    shutil.copy(made / "tables" / f"{name}.csv", alone)
    (compared,) = compare(run, alone, factor)
    return compared


def test_published_tables_are_read_back_and_equal_tables_are_equal_bytes(made, tmp_path):
    for out in ("one", "two"):
        list(publish(made, tmp_path / out))
    assert {path.name for path in (tmp_path / "one").iterdir()} == {
        f"{path.name}.gz" for path in (made / "tables").iterdir()
    }
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
        assert gzip.decompress(path.read_bytes()) == (made / "tables" / path.stem).read_bytes()
    compared = compare(made, tmp_path / "one", factor=0)
    assert {table.name for table in compared} == {*COMPARED} - {"human", "subset", "requests"}
    assert all(table.same and table.within == 0 for table in compared)
    assert {table.name for table in compared if not table.equal} == EMPTY


def test_too_large_tables_are_refused_and_the_largest_is_named(made, tmp_path, monkeypatch):
    sizes = {line.partition(":")[0].rpartition("/")[2] for line in publish(made, tmp_path / "out")}
    assert len(sizes) == len(list((made / "tables").iterdir()))
    monkeypatch.setattr(published, "MOST_BYTES", 40_000)
    with pytest.raises(
        UserError, match=r"bytes, [\d,]+ of them metrics; at most 40,000 .*--without latent metrics"
    ):
        list(publish(made, tmp_path / "out", ["latent"]))
    monkeypatch.undo()
    list(publish(made, tmp_path / "out", ["metrics", "latent"]))
    assert not (tmp_path / "out" / "metrics.csv.gz").exists()
    assert {table.name for table in compare(made, tmp_path / "out")}.isdisjoint({"metrics", "latent"})


@pytest.mark.parametrize("form", ["results", "folder", "zip"])
def test_tables_are_found_in_a_run_a_folder_and_an_archive(made, tmp_path, form):
    place = {"results": made, "folder": made / "tables", "zip": tmp_path / "a.zip"}[form]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in (made / "tables").iterdir():
            archive.write(path, f"evidence/{path.name}")
    assert all(table.same for table in compare(place, made))


@pytest.mark.parametrize(
    ("metric", "inside", "beyond"), [("mae", 0.9, 1.1), ("ssim", 0.009, 0.011), ("lpips", -0.009, -0.011)]
)
def test_the_tolerance_is_that_of_the_unit(made, run, metric, inside, beyond):
    cell = {"method": "obj-if", "task": "synthesis", "dimension": "A2", "metric": metric}
    edit(run, "metrics", shifted("value", inside, **cell))
    compared = only(run, made, "metrics")
    assert (compared.within, compared.same) == (1, True)
    assert not only(run, made, "metrics", factor=0).same
    edit(run, "metrics", shifted("value", beyond - inside, **cell))
    (cell,) = only(run, made, "metrics").different
    assert cell.where.startswith("metrics.csv, obj-if ") and cell.where.endswith(f"A2 {metric}: value")
    assert cell.excess == pytest.approx(1.1, rel=0.02)
    assert only(run, made, "metrics", factor=2).same


@pytest.mark.parametrize(
    ("column", "row", "tolerance"),
    [
        ("effect", {"unit": "share of the way to retraining"}, 0.05),
        ("effect", {"unit": "share of collapsed runs"}, 0.01),
        ("effect", {"unit": "grey levels of A2 beyond noop-ft"}, 1.0),
        ("effect", {"unit": "times"}, 0.4),
        ("value", {"metric": "spread"}, 1.0),
        ("value", {"metric": "collapsed"}, 0.0),
        ("harm_low_A2", {"method": "obj-if"}, 1.0),
        ("p_holm", {"metric": "mae"}, 0.01),
        ("alpha", {"method": "obj-if"}, 0.4),
        ("excess", {"attack": "compression", "unit": "grey levels"}, 1.0),
        ("difference", {"method": "obj-if", "metric": "ssim"}, 0.01),
        ("difference", {"method": "obj-if", "metric": "mae"}, 1.0),
        ("difference", {"request": "r1", "dimension": "A2"}, 1.0),
        ("value", {"attack": "update-leak", "unit": "share of pairs"}, 0.01),
        ("control", {"attack": "update-leak", "seed": 1, "unit": "found"}, 1.0),
        ("control", {"attack": "update-leak", "unit": "found"}, 0.05),
        ("value", {"method": "obj-if", "metric": "mrr"}, 0.05),
    ],
)
def test_every_number_has_a_tolerance(column, row, tolerance):
    assert tolerances(pd.DataFrame([row]), column, np.array([-8.0])) == pytest.approx(tolerance)


def test_the_keys_of_every_table_tell_its_rows_apart(made):
    for path in (made / "tables").glob("[!t]*.csv"):
        table = read_csv(path)
        keys = [name for name in table if name in KEYS]
        assert not table.duplicated(keys).any(), (
            f"{path.name}: soulbench.exchange.tolerances.KEYS lacks a column"
        )


def test_the_worst_cell_comes_first(made, run):
    edit(run, "sod", shifted("error", 3.0, method="obj-if", task="synthesis"))
    edit(run, "sod", shifted("error_retrain", 7.0, method="obj-mk-pa", task="synthesis"))
    cells = only(run, made, "sod").different
    assert [round(cell.excess) for cell in cells] == [7, 3]


def test_text_counts_and_flags_are_exact_and_prose_is_not_compared(made, run):
    edit(run, "scoreboard", lambda table: table.assign(outcome="it goes"))
    edit(run, "summary", lambda table: table.assign(n_requests="3", note="other prose"))
    edit(run, "sod", lambda table: table.assign(inside_band=["True"] * len(table)))
    for name, column in (("scoreboard", "outcome"), ("summary", "n_requests"), ("sod", "inside_band")):
        columns = {cell.where.rpartition(": ")[2] for cell in only(run, made, name, factor=1000).different}
        assert columns == {column}


def test_rows_are_matched_by_what_they_are_about_and_not_by_their_place(made, run):
    edit(run, "latent", lambda table: table.sample(frac=1, random_state=0))
    assert only(run, made, "latent").same
    edit(run, "latent", lambda table: table[table["method"] != "obj-if"])
    rows = (pd.read_csv(made / "tables/latent.csv")["method"] == "obj-if").sum()
    assert (only(run, made, "latent").missing, only(run, made, "latent").added) == (rows, 0)
    shutil.copy(made / "tables/latent.csv", run / "tables")
    edit(run, "latent", lambda table: pd.concat([table, table.iloc[:2].assign(request="r9")]))
    assert (only(run, made, "latent").missing, only(run, made, "latent").added) == (0, 2)


def test_a_number_that_is_missing_on_one_side_differs(made, run):
    edit(run, "sod", lambda table: table.assign(sod=""))
    cells = only(run, made, "sod", factor=1000).different
    assert {cell.excess for cell in cells} == {float("inf")}
    assert str(cells[0]).split(": ", 2)[2].startswith("nothing here, ")


def test_the_command_says_what_differs_and_fails(made, run, capsys):
    assert main(["compare", str(run), str(made)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{run} is the same as {made}"
    edit(run, "memorised", shifted("gap", 2.0, task="synthesis"))
    assert main(["compare", str(run), str(made)]) == 1
    out, err = capsys.readouterr()
    (row,) = [line.split() for line in out.splitlines() if line.startswith("  memorised ")]
    assert row[2:] == ["0", "1", "0", "0"]
    assert "memorised.csv, r1 synthesis: gap: " in out
    assert err == f"error: {run} is not the same as {made}\n"
    assert main(["compare", str(run), str(made), "--tolerance", "3"]) == 0
    assert main(["compare", str(run), str(made), "--tolerance", "-1"]) == 1


FAULTS = {
    "no such folder": (lambda run: shutil.rmtree(run), "there is no such file"),
    "no tables": (lambda run: shutil.rmtree(run / "tables"), "no tables; a folder or a zip archive"),
    "one absent": (
        lambda run: (run / "tables/sod.csv").unlink(),
        "there is no table sod, which is published",
    ),
    "one cut": (lambda run: (run / "tables/sod.csv").write_text("method,req"), "ends within a line"),
    "another column": (lambda run: edit(run, "sod", lambda table: table.assign(more="1")), "no column more"),
}


@pytest.mark.parametrize(("harm", "message"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_compared_is_named(made, run, harm, message):
    harm(run)
    with pytest.raises(UserError, match=message):
        compare(run, made)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"method", "not a whole gzip file"),
        (cut(gzip.compress(b"a" * 1000)), "cut short"),
        (gzip.compress(bytes(3_000_000)), "larger than 1,000,000 bytes"),
    ],
    ids=["no gzip file", "cut short", "too large"],
)
def test_a_damaged_published_table_is_named(made, tmp_path, monkeypatch, content, message):
    monkeypatch.setattr(published, "LARGEST_TABLE", 1_000_000)
    (tmp_path / "sod.csv.gz").write_bytes(content)
    with pytest.raises(UserError, match=rf"sod\.csv\.gz: {message}"):
        compare(made, tmp_path)
