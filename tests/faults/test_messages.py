"""Messages: what a user can write wrong is found by `soulbench check`, and nothing of it ends in a traceback."""

import copy
import json
import shutil
import sys
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from soulbench.__main__ import main
from soulbench.config import files
from soulbench.config.checks import check
from soulbench.core.errors import UserError
from soulbench.core.sources import ROOT

sys.path.append(str(ROOT / "tests" / "workflow"))  # how Snakemake is called

from snakemake_runs import snakemake

BASE = files.load(ROOT / "config.yaml")


def message(**changes):
    """Return the message with which a changed configuration is refused; none if it is accepted."""
    try:
        check(files.merge(copy.deepcopy(BASE), changes))
    except UserError as error:
        return str(error)
    return ""


TITLE = 'report: {title: "café"}\n'
UNREADABLE = {
    "Latin-1": (TITLE.encode("latin-1"), "is not UTF-8 text; save it as UTF-8"),
    "UTF-16": (TITLE.encode("utf-16"), "is not UTF-8 text; save it as UTF-8"),
    "binary": (bytes(range(256)), "is not UTF-8 text"),
    "NUL": (b'name: "a\0b"\n', "not YAML: unacceptable character"),
    "empty": (b"", "must be a mapping of keys"),
    "a tab": (b"name: demo\n\tseed: 1\n", "line 2: not YAML"),
    "an impossible date": (b"name: 2020-99-99\n", "month must be in 1..12"),
    "a number of 5000 digits": (b"seed: " + b"9" * 5000, "not YAML: Exceeds the limit"),
}


@pytest.mark.parametrize(("content", "text"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_configuration_that_cannot_be_read_is_named(tmp_path, monkeypatch, capsys, content, text):
    monkeypatch.chdir(ROOT)
    (tmp_path / "overlay.yaml").write_bytes(content)
    assert main(["check", str(tmp_path / "overlay.yaml")]) == 1
    output = capsys.readouterr()
    assert output.err.startswith(f"error: {tmp_path / 'overlay.yaml'}")
    assert text in output.err
    assert not output.out


def test_a_folder_in_a_configurations_place_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["check", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path}: is a folder; a YAML file is expected\n"


def test_snakemake_says_what_is_wrong_with_the_text_of_config_yaml(tmp_path):
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    (tmp_path / "config.yaml").write_bytes(TITLE.encode("latin-1"))
    run = snakemake(tmp_path, "--dry-run", "all", PYTHONPATH=str(ROOT))
    assert run.status == 1
    assert "config.yaml: is not UTF-8 text; save it as UTF-8" in run.text
    assert "UnicodeDecodeError" not in run.text


def requests(tmp_path, *names):
    lines = [f"{name},{index},{index}" for index, name in enumerate(names, start=1)]
    path = tmp_path / "wanted.csv"
    path.write_text("\n".join(["request,image_id,object_id", *lines]) + "\n")
    return {"requests": {"file": str(path)}}


def test_ids_that_look_like_something_else_are_allowed(tmp_path):
    wanted = requests(tmp_path, "1", "007", "NA", "nan", "true", "1e5", "null", "all", "tables", "page")
    assert not message(**wanted)


def test_ids_that_differ_only_in_case_are_refused(tmp_path):
    assert "the ids Anna and anna differ only in case" in message(**requests(tmp_path, "Anna", "bob", "anna"))


def archive(path, *names, content=b""):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, content)


def test_weights_are_looked_into(tmp_path):
    good = {"features.0.weight": np.zeros((4, 3, 3, 3), np.float32)}
    save_file(good, tmp_path / "good.safetensors")
    save_file({"other": np.zeros(3, np.float32)}, tmp_path / "other.safetensors")
    whole = (tmp_path / "good.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-5])
    archive(tmp_path / "good.pth", "net/data.pkl", content=b"X\x11\0\0\0features.0.weight")
    archive(tmp_path / "other.pth", "net/data.pkl", content=b"classifier.weight")
    archive(tmp_path / "photographs.pth", "1.jpg", "2.jpg")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "good.pth").read_bytes()[:-30])
    (tmp_path / "page.pth").write_text("<!doctype html><title>404</title>")
    refused = {
        path.name for path in tmp_path.iterdir() if message(evaluation={"lpips": {"weights": str(path)}})
    }
    assert refused == {path.name for path in tmp_path.iterdir()} - {"good.safetensors", "good.pth"}
    text = message(evaluation={"lpips": {"weights": str(tmp_path / "other.pth")}})
    assert "other.pth holds no weights of a convolutional network (no tensor features.0.weight)" in text


@pytest.fixture
def layout(tmp_path):
    """A folder whose files begin and end as those of the Visual Genome layout do."""
    for name in ("image_data", "objects", "relationships", "attributes"):
        (tmp_path / f"{name}.json").write_text("[]\n")
    (tmp_path / "object_alias.txt").write_text("man,guy\n")
    (tmp_path / "individuals.csv").write_text("image_id,object_id,individual,twin\n")
    return tmp_path


def local(folder, **more):
    return message(data={"source": "local", "root": str(folder), **more})


def test_annotations_are_looked_into(layout):
    assert not local(layout)
    for name in ("image_data.json", "attributes.json"):
        for content in (b"[1, 2", b"{}", b"", "[]".encode("utf-16"), b"<html>"):
            (layout / name).write_bytes(content)
            assert f"data.root: {layout}/{name} is no whole list in JSON" in local(layout)
        (layout / name).write_text("[]")
    (layout / "object_alias.txt").write_bytes("café,bar\n".encode("latin-1"))
    assert f"data.root: {layout}/object_alias.txt is no text in UTF-8; save it as UTF-8" in local(layout)


def test_who_is_who_has_to_be_known_to_leave_a_person_out(layout):
    (layout / "individuals.csv").unlink()
    lines = local(layout).splitlines()
    assert [line.partition(": individuals.csv is not in data.root")[0] for line in lines] == [
        "methods.retrain-person",
        "requests.kinds.person",
    ]
    wanted = {"kinds": {"person": 0}}
    data = {"source": "local", "root": str(layout)}
    assert not message(data=data, requests=wanted, methods={"retrain-person": None})


def test_the_split_file_is_read(layout):
    path = layout / "split.json"
    for content in (b"", b'{"train": [1', '{"é": 1}'.encode("latin-1"), b"[" * 100_000, b"9" * 5000):
        path.write_bytes(content)
        assert local(layout, split_file=str(path)).startswith(f"data.split_file: {path}")
    path.write_text(json.dumps({"train": [1], "val": [], "test": []}))
    assert not local(layout, split_file=str(path))
