"""Which request a method runs for, and the records that the training stages leave."""

import pytest

from soulbench.core.errors import UserError
from soulbench.core.model_record import read_model_record
from soulbench.core.terms import ALL_REQUESTS


def test_the_records_of_the_two_stages(benchmark):
    for path, method in ((benchmark.pretrained, "pretrained"), (benchmark.original, "original")):
        record = read_model_record(path.with_suffix(".json"))
        assert (record.method, record.request, record.seed) == (method, ALL_REQUESTS, 1)
        assert (record.level, record.family) == ("reference", "none")
        assert record.timing.steps == 4
        assert record.parameters["training"]["losses"]["l1"] == 1.0


@pytest.mark.parametrize(
    ("method", "request_id", "message"),
    [
        ("obj-ng", "r11", r"there is no request 'r11' \(did you mean r1\?\); known: r1, r2"),
        ("noop-ft", "r11", r"there is no request 'r11' .*; known: r1, r2"),
        ("obj-ng", ALL_REQUESTS, r"obj-ng unlearns one request at a time, not all-requests; known: r1, r2"),
    ],
)
def test_an_unknown_request_is_refused(benchmark, tmp_path, method, request_id, message):
    with pytest.raises(UserError, match=message):
        benchmark.unlearn(method, tmp_path / "model.safetensors", request_id)
    assert not list(tmp_path.iterdir())
