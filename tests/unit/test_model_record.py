"""The record of a model: written whole, validated when read."""

import json

import pytest

from soulbench.core.errors import UserError
from soulbench.core.model_record import ModelRecord, Solver, Timing, read_model_record, write_model_record
from soulbench.core.records import provenance
from soulbench.core.terms import ALL_REQUESTS

ORIGIN = provenance(parameters={"steps": 4}, seeds={"base": 0}, source_hash="abc", device="cpu")
TRAINED = ModelRecord(
    method="original",
    request=ALL_REQUESTS,
    seed=1,
    level="reference",
    family="none",
    timing=Timing(2.5, 900.0, 40),
    images=80,
    losses={"l1": 0.5},
    **ORIGIN,
)
REDACTED = ModelRecord(
    method="obj-if",
    request="r1",
    seed=2,
    level="object",
    family="redaction",
    timing=Timing(1.0, 900.0, 3),
    solver=Solver(0.01, 3, True, 1.1, 0.5, 36),
    **ORIGIN,
)


@pytest.mark.parametrize("record", [TRAINED, REDACTED], ids=["trained", "redacted"])
def test_a_record_is_read_as_it_was_written(tmp_path, record):
    write_model_record(tmp_path / "model.json", record)
    assert read_model_record(tmp_path / "model.json") == record


WRONG = {
    "no timing": (lambda entry: entry.pop("timing"), "missing required field `timing`"),
    "text for seconds": (lambda entry: entry["timing"].update(seconds="2 s"), r"\$\.timing\.seconds"),
    "flat timing": (lambda entry: entry.update(seconds=2.0), "unknown field `seconds`"),
    "a seed with a fraction": (lambda entry: entry.update(seed=1.5), r"\$\.seed"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_a_broken_record_names_the_file_and_the_field(tmp_path, change, message):
    path = tmp_path / "model.json"
    write_model_record(path, TRAINED)
    entry = json.loads(path.read_text())
    change(entry)
    path.write_text(json.dumps(entry))
    with pytest.raises(UserError, match=rf"model\.json: damaged \(not the record of a model: .*{message}"):
        read_model_record(path)


@pytest.mark.parametrize("content", ["", '{"method": "orig', "[]"])
def test_a_file_that_is_no_record_is_refused(tmp_path, content):
    path = tmp_path / "model.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"model\.json: damaged \(not the record of a model"):
        read_model_record(path)


def test_a_missing_record_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match=r"model\.json: there is no such file; run the rule"):
        read_model_record(tmp_path / "model.json")
