"""A wrong configuration ends Snakemake before any job, with the message and without a traceback."""

import pytest

WRONG = {
    "key": (
        "training: {learnig_rate: 1}",
        "training.learnig_rate: there is no such key (did you mean learning_rate?)",
    ),
    "value": (
        "data: {source: lokal}",
        "data.source: 'lokal' is not allowed; allowed: demo | local | visual_genome",
    ),
    "method": (
        "methods: {obj-mk-p: {}}",
        "methods.obj-mk-p: there is no method 'obj-mk-p' (did you mean obj-mk-pa?)",
    ),
    "cross check": ("data: {image_size: 128}", "data.image_size is 128; allowed: image_size = 2 * 2^blocks"),
    "file": ("requests: {file: wanted.csv}", "wanted.csv"),
    "doubled key": ("seed: 1\nseeds: [1]\nseed: 2", "overlay.yaml, line 3: the key seed is written twice"),
    "key that is no text": ("data: {yes: 1}", "overlay.yaml, line 1: the key `yes` is not text"),
    "number that is none": ("training: {learning_rate: .nan}", "training.learning_rate: .nan is not allowed"),
    "name of a rule": ("methods: {page: {variant_of: noop-ft}}", "methods.page: this name is taken"),
}


@pytest.mark.parametrize(("overlay", "message"), WRONG.values(), ids=WRONG)
def test_the_message_and_nothing_else(plan, overlay, message):
    run = plan(overlay)
    assert run.status == 1
    assert message in run.text
    assert "Traceback" not in run.text
    assert not run.jobs
