import json

import numpy as np
import pytest

from soulbench.core import records
from soulbench.core.errors import UserError


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "table.csv"
    with pytest.raises(RuntimeError), records.atomic_path(target) as part:
        part.write_text("half")
        assert part.suffix == ".csv"
        raise RuntimeError
    assert list(target.parent.iterdir()) == []
    with records.atomic_path(target) as part:
        part.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_rewrite_keeps_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), records.atomic_path(target) as part:
        part.write_text("new")
        raise RuntimeError
    assert target.read_text() == "old"


def test_a_folder_replaces_an_older_one(tmp_path):
    target = tmp_path / "packed"
    for content in ("first", "second"):
        with records.atomic_path(target) as part:
            part.mkdir()
            (part / content).write_text(content)
    assert [path.name for path in target.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [target]


def test_equal_contents_are_equal_bytes(tmp_path):
    records.write_json(tmp_path / "a.json", {"b": np.float32(0.5), "a": (1, np.int64(2))})
    records.write_json(tmp_path / "b.json", {"a": [1, 2], "b": 0.5})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert records.read_json(tmp_path / "a.json") == {"a": [1, 2], "b": 0.5}


def test_a_number_that_is_not_finite_becomes_null(tmp_path):
    records.write_json(tmp_path / "a.json", {"x": float("nan"), "y": [np.inf], "p": tmp_path})
    read = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert read == {"x": None, "y": [None], "p": str(tmp_path)}


@pytest.mark.parametrize("content", ["", '{"a": 1', "\x00"])
def test_a_broken_json_file_is_named(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"broken\.json: not a whole JSON file"):
        records.read_json(path)


def test_a_missing_json_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.json: there is no such file"):
        records.read_json(tmp_path / "gone.json")


def test_provenance_holds_versions_and_the_lock():
    record = records.provenance(
        parameters={"a": 1}, seeds={"training": 2}, source_hash="s", device="cpu", seconds=3
    )
    assert record["parameters"] == {"a": 1}
    assert record["seconds"] == 3
    assert {"python", "numpy", "torch", "soulbench"} <= set(record["versions"])
    assert record["lock_hash"] == records.file_hash(records.LOCK_FILE)
