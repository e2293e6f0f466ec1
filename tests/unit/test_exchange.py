"""Results that travel: what is exported, and what a merge takes in, refuses and leaves as it is."""

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from soulbench.analysis.claims.table import write_claims
from soulbench.analysis.tables import write_tables
from soulbench.config.jobs import Job
from soulbench.core.errors import UserError
from soulbench.core.records import file_hash, read_json, versions, write_json
from soulbench.exchange import data_state
from soulbench.exchange.archive import write as write_archive
from soulbench.exchange.export import export, with_needs
from soulbench.exchange.merge import merge
from soulbench.exchange.results import Result, planned
from tests.unit.exchange_factory import remove, settings, write

#: What two machines made: the references on both.
FIRST = ("records/obj-if", "unlearned/obj-if", "records/reseed", "ablations", "attacks/compression/obj-if")
SECOND = ("records/obj-mk-pa", "unlearned/obj-mk-pa", "attacks/compression/obj-mk-pa")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The results of a whole benchmark, with images."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write(settings(), images=True)
    return folder / "results" / "whole"


@pytest.fixture
def benches(made, tmp_path, monkeypatch):
    """Return a function that copies the benchmark under a name, without the results whose names begin so."""
    monkeypatch.chdir(tmp_path)

    def bench(name: str, *without: str) -> dict:
        shutil.copytree(made, Path("results", name))
        remove(Path("results", name), *without)
        return settings(name)

    return bench


def tables(config: dict) -> dict[str, bytes]:
    """Return the tables that a benchmark's records make, as bytes by name."""
    root = Path("results", config["name"])
    for step in (write_tables, write_claims):
        step(config, root, lambda line: None)
    return {path.name: path.read_bytes() for path in sorted((root / "tables").iterdir())}


def exported(config: dict, images: bool = False) -> Path:
    path = Path(f"{config['name']}.zip")
    list(export(config, path, images))
    return path


def files(name: str) -> dict[str, bytes]:
    root = Path("results", name)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def change(config: dict, name: str, **values: object) -> None:
    path = Path("results", config["name"], name)
    write_json(path, {**read_json(path), **values})


def test_two_machines_make_the_tables_of_one(benches):
    archives = [exported(benches("first", *SECOND)), exported(benches("second", *FIRST))]
    lines = list(merge(settings("merged"), archives))
    assert lines[-1] == "results/merged: 35 of 35 records, ablations and attacks are here"
    assert tables(settings("merged")) == tables(benches("whole"))


def test_the_order_of_archives_does_not_matter_and_again_changes_nothing(benches):
    archives = [exported(benches("first", *SECOND)), exported(benches("second", *FIRST))]
    for name, order in (("one", archives), ("other", archives[::-1])):
        list(merge(settings(name), order))
    assert files("one") == files("other")
    before = {path: path.stat().st_mtime_ns for path in Path("results/one").rglob("*")}
    line, *_ = merge(settings("one"), archives)
    assert line.startswith("first.zip: 0 results taken in, ")
    assert before == {
        path: path.stat().st_mtime_ns for path in Path("results/one").rglob("*") if path in before
    }


def test_the_same_results_make_the_same_archive(benches):
    config = benches("whole")
    first = exported(config).read_bytes()
    for path in Path("results/whole").rglob("*"):
        os.utime(path, (10**9, 10**9))
    assert exported(config).read_bytes() == first


def test_images_travel_only_if_asked_and_join_with_the_time_of_their_result(benches):
    config = benches("whole")
    assert not [name for name in zipfile.ZipFile(exported(config)).namelist() if name.endswith(".npz")]
    list(merge(settings("merged"), [exported(config)]))
    list(merge(settings("merged"), [exported(config, images=True)]))
    outputs = Path("results/merged/records/original/r1/seed1/outputs.npz")
    assert outputs.read_bytes() == Path("results/whole", *outputs.parts[2:]).read_bytes()
    assert outputs.stat().st_mtime_ns == outputs.with_name("record.json").stat().st_mtime_ns


@pytest.mark.parametrize("bank", [None, {"models": 6, "share": 0.5}])
def test_every_result_comes_after_what_it_needs(bank):
    config = settings()
    config["references"]["bank"] = bank
    results = planned(config)
    order = list(results)
    for name, result in results.items():
        assert all(order.index(need) < order.index(name) for need in result.needs)
    trained = [result for name, result in results.items() if name.startswith("models/bank/")]
    assert [result.about["seed"] for result in trained] == list(range(1, 7 if bank else 1))


def test_an_attack_needs_the_records_of_its_shadow_runs_once():
    config = settings()
    config["attacks"] = {"trace": {}, "compression": {}}
    results = planned(config)
    shadow = "records/obj-if/r2/seed2/record.json"
    needs = results["attacks/trace/obj-if/seed1.json"].needs
    assert needs.count(shadow) == needs.count("records/retrain/r2/seed1/record.json") == 1
    assert len(needs) == len({*needs}) and results.keys() >= {*needs}
    assert shadow not in results["attacks/compression/obj-if/seed1.json"].needs


def test_what_results_need_is_looked_up_once_however_many_ways_lead_to_it():
    asked = []

    class Asked(dict):
        def __getitem__(self, name: str) -> Result:
            asked.append(name)
            return super().__getitem__(name)

    names = [f"records/bank/r1/seed{number}/record.json" for number in range(12)]
    chain = [Result(name, {}, (), {}, Job("", {}), tuple(names[:at])) for at, name in enumerate(names)]
    results = Asked({result.name: result for result in chain})
    assert with_needs(chain[-2:-1], results) == {*names[:-1]}
    assert sorted(asked) == sorted(names[:-1])


def test_only_finished_results_are_exported(benches):
    config = benches("whole", "records/obj-if/r1/seed1/latent.csv", "models/original/seed2.json")
    lines = list(export(config, Path("a.zip"), False))
    names = zipfile.ZipFile("a.zip").namelist()
    assert not [name for name in names if name.startswith("records/obj-if/r1/seed1/")]
    assert not [name for name in names if "seed2" in name]
    assert (
        "left out: records/obj-if/r1/seed1/record.json: there is no records/obj-if/r1/seed1/latent.csv"
        in lines
    )
    assert any(line.endswith(": without models/original/seed2.json") for line in lines)
    assert lines[-1].startswith("a.zip: 14 of 35 records, ablations and attacks, ")


def test_a_benchmark_without_a_finished_record_is_not_exported(benches):
    with pytest.raises(UserError, match=r"results/empty: no record of this configuration is finished"):
        list(export(benches("empty", "records", "ablations"), Path("a.zip"), False))
    assert not Path("a.zip").exists()


def test_what_other_settings_made_is_left_out_and_named(benches):
    config = benches("whole")
    config["methods"]["obj-mk-pa"] = {"mask_on": "input"}
    lines = list(export(config, Path("a.zip"), False))
    assert any("methods.obj-mk-pa.mask_on is " in line and "there and 'input' here" in line for line in lines)
    assert not [name for name in zipfile.ZipFile("a.zip").namelist() if "obj-mk-pa" in name]


def test_records_that_are_older_than_the_data_are_of_other_data(benches):
    config = benches("whole")
    Path("results/whole/data/subset.csv").touch()
    with pytest.raises(
        UserError, match=r"no record .* is finished; records/original/r1/seed1.* older than the data"
    ):
        exported(config)


HARMS = {
    "another setting": ({"parameters": {}}, "training is 'absent' there and {"),
    "other code": ({"source_hash": "e" * 64}, "made by other code; source hash eeeeeeeeeeee there and "),
    "other code of another Python": (
        {"source_hash": "e" * 64, "versions": {**versions(), "python": "3.99.1"}},
        " here; Python is '3.99' there and '3.",
    ),
    "another library": ({"versions": {"torch": "1.0.0"}}, "versions.torch is '1.0.0' there and "),
    "another request": ({"request": "r2"}, "request is 'r2' there and 'r1' here"),
    "no provenance": ({"source_hash": None}, "not the record of a result"),
}


def smuggled(config: dict, path: str = "smuggled.zip") -> Path:
    """Pack all results of a benchmark without judging them, as a hostile or broken program would."""
    root = Path("results", config["name"])
    names = [name for result in planned(config).values() for name in result.files if (root / name).is_file()]
    origin = {"config": config, "data": data_state.digests(config), "versions": {}, "commit": None}
    write_archive(Path(path), {**origin, "lock_hash": None}, root, [*names, "data/requests.csv"])
    return Path(path)


def merged(config: dict, *paths: Path) -> tuple[list[str], str]:
    """Merge; return the lines and the error, if there is one."""
    lines = []
    try:
        for line in merge(config, paths):
            lines.append(line)
    except UserError as error:
        return lines, str(error)
    return lines, ""


@pytest.mark.parametrize(("values", "reason"), HARMS.values(), ids=HARMS)
def test_what_would_not_be_made_here_is_refused_with_what_needs_it_and_the_rest_is_taken_in(
    benches, values, reason
):
    config = benches("there")
    change(config, "unlearned/obj-mk-pa/r1/seed1/model.json", **values)
    lines, error = merged(settings("here"), smuggled(config))
    assert error == "3 results were refused; all others were taken in"
    refused = [line for line in lines if line.startswith("refused: ")]
    assert refused[0].startswith("refused: unlearned/obj-mk-pa/r1/seed1/model.json: ")
    assert reason in refused[0]
    assert [line.partition(": ")[2] for line in refused[1:]] == [
        f"{name}: without unlearned/obj-mk-pa/r1/seed1/model.json"
        for name in ("records/obj-mk-pa/r1/seed1/record.json", "attacks/compression/obj-mk-pa/seed1.json")
    ]
    names = files("here")
    assert not [
        name
        for name in names
        if name.startswith(("unlearned/obj-mk-pa/r1/seed1", "records/obj-mk-pa/r1/seed1"))
    ]
    assert "records/obj-mk-pa/r2/seed1/metrics.csv" in names
    assert not [name for name in names if ".merge-" in name]


def test_a_changed_parameter_is_named_as_it_is_written_in_a_configuration(benches):
    path = smuggled(benches("there"))
    here = settings("here")
    here["methods"]["obj-mk-pa"] = {"mask_on": "input"}
    lines, _ = merged(here, path)
    assert "methods.obj-mk-pa.mask_on is 'target' there and 'input' here" in lines[0]


def test_fewer_requests_or_seeds_of_a_method_are_no_other_settings(benches):
    path = smuggled(benches("there"))
    here = settings("here")
    here["methods"]["obj-mk-pa"] = {"requests": 1}
    lines, _ = merged(here, path)
    assert {line.rpartition(": ")[2] for line in lines if line.startswith("refused")} == {
        "not planned by the configuration here",
        # The outcomes of an attack for all requests are in one table.
        "requests is ['r1', 'r2'] there and ['r1'] here",
    }


def test_attacks_on_other_methods_and_seeds_are_no_other_settings_and_those_for_other_requests_are(benches):
    path = smuggled(benches("there"))
    here = settings("here")
    here["attacks"] = {"compression": {"methods": ["obj-if"], "seeds": 1}}
    lines, _ = merged(here, path)
    assert lines[-1] == "results/here: 28 of 28 records, ablations and attacks are here"
    here = settings("fewer")
    here["attacks"] = {"compression": {"bits": [8]}}
    lines, error = merged(here, path)
    assert error == "10 results were refused; all others were taken in"
    assert "refused: attacks/compression/" in lines[0]
    assert "attacks.compression.bits is 'absent' there and [8] here" in lines[0]


def test_the_images_of_an_attack_travel_as_those_of_a_record(benches):
    config = benches("whole")
    images = "attacks/compression/obj-if/seed1.npz"
    assert images not in zipfile.ZipFile(exported(config)).namelist()
    assert images in zipfile.ZipFile(exported(config, images=True)).namelist()


def test_a_table_that_was_changed_behind_its_record_is_refused(benches):
    config = benches("there")
    path = Path("results/there/records/obj-if/r1/seed1/metrics.csv")
    path.write_text(path.read_text().replace("grey levels", "levels", 1))
    lines, _ = merged(settings("here"), smuggled(config))
    assert lines[0].startswith(
        "refused: records/obj-if/r1/seed1/record.json: its tables are not what was written"
    )


@pytest.mark.parametrize("file", ["requests.csv", "human.csv", "packed/pixels.npy"])
def test_results_of_other_data_are_refused_as_a_whole(benches, file):
    here, there = benches("here", "records"), benches("there")
    path = Path("results/there/data", file)
    path.write_bytes(path.read_bytes() + b"1")
    os.utime(path, (0, 0))  # as if the records had been made of it
    before = files("here")
    _, error = merged(here, exported(there))
    assert error.startswith(f"there.zip: made from other data: {file} differ")
    assert files("here") == before


def test_without_data_here_the_first_archive_says_which_data_they_are(benches):
    first, second = benches("first"), benches("second")
    np.save("results/second/data/packed/pixels.npy", np.zeros(12, np.uint8))
    list(merge(settings("here"), [exported(first)]))
    assert "packed/pixels.npy differ" in merged(settings("here"), exported(second))[1]
    shutil.copytree("results/second/data/packed", "results/here/data/packed")
    with pytest.raises(UserError, match=r"digests\.json: made from other data: packed/pixels\.npy differ"):
        exported(settings("here"))


def test_an_equal_result_may_differ_in_machine_and_cost_and_in_nothing_else(benches):
    here, there = benches("here", *SECOND), benches("there")
    original = read_json(Path("results/there/models/original/seed1.json"))
    timing = {**original["timing"], "seconds": 9.9}
    change(there, "models/original/seed1.json", device="cpu: other", commit="0", timing=timing)
    assert merged(here, exported(there))[1] == ""
    change(there, "models/original/seed1.json", losses={"l1": 0.5})
    lines, error = merged(here, exported(there))
    assert (
        "there.zip: models/original/seed1.json is here, too, and not equal: losses is {'l1': 0.5} there"
        in error
    )
    assert lines == []


def test_a_run_with_another_result_here_is_named_and_nothing_is_taken_in(benches):
    here, there = benches("here", *SECOND), benches("there")
    path = Path("results/there/records/original/r1/seed1/metrics.csv")
    path.write_text(path.read_text().replace("0.", "1.", 1))
    change(there, "records/original/r1/seed1/record.json", digests=digests_of(path.parent))
    before = files("here")
    _, error = merged(here, exported(there))
    assert "records/original/r1/seed1/record.json is here, too, and not equal: digests.metrics is" in error
    assert files("here") == before


def test_a_result_here_that_is_out_of_date_is_not_taken_for_the_one_that_arrives(benches):
    here, there = benches("here"), benches("there")
    change(here, "records/obj-if/r1/seed1/record.json", source_hash="0" * 64)
    _, error = merged(here, exported(there))
    assert error.startswith(
        "results/here/records/obj-if/r1/seed1/record.json: is in there.zip, too, and here it is not"
    )


def digests_of(folder: Path) -> dict[str, str]:
    return {path.stem: file_hash(path) for path in folder.glob("*.csv")}
