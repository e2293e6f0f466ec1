"""Generated faults: whatever is in a user's files, it ends in a UserError that says so, or in a valid result.

Any other exception fails a test. The cases are the same in every run; a case that once failed stays as an example.
"""

import copy
import json
import math
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from soulbench.config import files, requests_file, runs
from soulbench.config.checks import check
from soulbench.core.columns import FINDING, FLAG, NUMBER, TEXT, WHOLE
from soulbench.core.errors import UserError
from soulbench.core.sources import ROOT
from soulbench.core.tables import read_csv, write_csv
from soulbench.data.packed import Vocabulary
from soulbench.data.prepare.graphs import Graphs

sys.path.append(str(ROOT / "tests" / "unit"))  # the factories

import pandas as pd
from scenes_factory import config as data_config
from scenes_factory import edge, entry, write_source
from scenes_steps import vocabulary

BASE = files.load(ROOT / "config.yaml")
OVERLAY = (ROOT / "configs" / "smoke.yaml").read_bytes()
TABLE = {"id": TEXT, "number": NUMBER, "count": WHOLE, "flag": FLAG, "finding": FINDING}


def cases(number):
    """Return the settings of a test of so many cases."""
    return settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


ids = st.sampled_from(["r1", "R1", "1", "007", "NA", "nan", "true", "1e5", "null", "all"])
words = ids | st.sampled_from(
    ["", " ", "../x", "/dev/null", ".", "é", "a\nb", "\ufeff", "\x00", "\ud800", "\u2028", "x" * 5000, "%s"]
)
words |= st.sampled_from(
    ["man", "obj-if", "noop-ft", "fuzzy", "decoder", "imagenet", "seeded", "demo", "local"]
)
numbers = st.one_of(
    st.sampled_from([0, 1, -1, 2**31, 2**63, 10**400, math.nan, math.inf, -math.inf, -0.0, 1e-320, 1e308]),
    st.integers(),
    st.floats(),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, words, st.text(max_size=20))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def paths(content, *before):
    """Yield the path of every value within nested dictionaries and lists."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        yield (*before, key)
        if isinstance(value, (dict, list)):
            yield from paths(value, *before, key)


def changed(content, path, value, removed=False):
    """Return a copy with one value replaced or removed; as it is where an earlier change took the place away."""
    content = copy.deepcopy(content)
    parent = content
    try:
        for key in path[:-1]:
            parent = parent[key]
        if removed:
            del parent[path[-1]]
        else:
            parent[path[-1]] = value
    except (LookupError, TypeError):
        pass
    return content


def changes_of(content):
    """Return a strategy of one to three changes: path, new value, whether it is removed instead."""
    change = st.tuples(st.sampled_from(list(paths(content))), values, st.integers(0, 9).map(lambda n: n == 0))
    return st.lists(change, min_size=1, max_size=3)


#: Changes of a file's bytes: where (as a share of its length), how many are replaced, and by what.
splices = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.sampled_from([0, 1, 2, 7, 10**6]),
        st.one_of(st.binary(max_size=4), words.map(lambda word: word.encode("utf-8", "surrogatepass"))),
    ),
    min_size=1,
    max_size=3,
)
encodings = st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "utf-32"])


def spliced(data, changes, encoding="utf-8"):
    data = data.decode().encode(encoding, "replace")
    for place, length, new in changes:
        start = int(place * len(data))
        data = data[:start] + new + data[start + length :]
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("generated")


def accepted(function, *arguments):
    """Return what a call returns; None if it ends in a UserError, whose message must say something."""
    try:
        return function(*arguments)
    except UserError as error:
        assert len(str(error)) > 10
        return None


def checked(config):
    check(config)
    return config


@cases(200)
@given(changes_of(BASE))
@example([(("evaluation", "changed_threshold"), math.nan, False)])
@example([(("ablations", "alphas", 0), math.inf, False)])
@example([(("training", "early_stop"), {"every": math.nan, "patience": 1}, False)])
def test_a_configuration_is_refused_or_can_be_planned(changes):
    config = BASE
    for path, value, removed in changes:
        config = changed(config, path, value, removed)
    if accepted(checked, config) is None:
        return
    assert all(math.isfinite(config_number) for config_number in _numbers(config))
    if sum(config["requests"]["kinds"].values()) <= 100:
        assert len(set(runs.planned(config))) == len(runs.planned(config))


def _numbers(content):
    """Yield all numbers within nested dictionaries and lists."""
    if isinstance(content, (dict, list)):
        for value in content.values() if isinstance(content, dict) else content:
            yield from _numbers(value)
    elif isinstance(content, (int, float)):
        yield content


@cases(150)
@given(splices, encodings)
def test_a_configuration_file_is_refused_or_read(folder, changes, encoding):
    path = folder / "overlay.yaml"
    path.write_bytes(spliced(OVERLAY, changes, encoding))
    content = accepted(files.load, path)
    if content is not None:
        assert isinstance(content, dict)
        accepted(checked, files.merge(copy.deepcopy(BASE), content))


REQUESTS = b"request,image_id,object_id\nr1,1,11\nanna,2,22\n007,3,33\n"
fields = words | st.integers(-2, 30).map(str) | numbers.map(repr)
lines = st.lists(st.lists(fields, max_size=5).map(",".join), max_size=4)


@cases(150)
@given(lines, splices, encodings)
def test_a_file_of_requests_is_refused_or_read(folder, more, changes, encoding):
    whole = REQUESTS + "\n".join(more).encode("utf-8", "replace") + b"\n"
    path = folder / "requests.csv"
    path.write_bytes(spliced(whole, changes[:1] if len(more) % 2 else [], encoding))
    config = files.merge(copy.deepcopy(BASE), {"requests": {"file": str(path)}, "human": {"size": None}})
    if accepted(checked, config) is None:
        return
    rows = requests_file.read(config)
    assert len({request.casefold() for request in rows}) == len(rows) == len(runs.request_ids(config))
    plain = [(request, line.key) for request, lines in rows.items() for line in lines]
    header = ",".join(requests_file.COLUMNS)
    path.write_text(
        "\n".join([header, *(f"{request},{image},{one}" for request, (image, one) in plain)]) + "\n"
    )
    again = requests_file.read(config)
    assert [(request, line.key) for request, lines in again.items() for line in lines] == plain


@pytest.fixture(scope="module")
def annotations(tmp_path_factory):
    """A folder with four images of a man and a dog each, and the content of its JSON files."""
    objects = {image: [entry(10 * image, "man"), entry(10 * image + 1, "dog")] for image in (1, 2, 3, 4)}
    source = write_source(
        tmp_path_factory.mktemp("annotations"),
        objects,
        {1: [edge(10, "on", 11)]},
        {1: {10: ["tall"]}},
        "man,guy\n",
        photographs=False,
    )
    (source / "vg_splits.json").write_text(json.dumps({"train": [1, 2, 3], "val": [4], "test": []}))
    return source


def _prepared(source: Path, folder: Path) -> tuple[Vocabulary, Graphs]:
    vocabulary(data_config(), source, folder)
    return Vocabulary.read(folder / "vocabulary.json"), Graphs.open(folder / "graphs")


def _valid(prepared):
    if prepared is not None:
        words, graphs = prepared
        assert words.objects[0] == "__image__"
        assert ((graphs.box >= 0) & (graphs.box <= 1)).all()
        assert (graphs.category < len(words.objects)).all()


JSON_FILES = ("image_data", "objects", "relationships", "attributes", "vg_splits")


@cases(120)
@given(st.sampled_from(JSON_FILES), st.data())
def test_annotations_are_refused_or_prepared(annotations, folder, name, data):
    file = annotations / f"{name}.json"
    original = file.read_text()
    content = json.loads(original)
    for path, value, removed in data.draw(changes_of(content)):
        content = changed(content, path, value, removed)
    try:
        file.write_text(json.dumps(content))
        _valid(accepted(_prepared, annotations, folder))
    finally:
        file.write_text(original)


@cases(80)
@given(st.sampled_from([*(f"{name}.json" for name in JSON_FILES), "object_alias.txt"]), splices, encodings)
def test_damaged_annotation_files_are_refused_or_prepared(annotations, folder, name, changes, encoding):
    file = annotations / name
    original = file.read_bytes()
    try:
        file.write_bytes(spliced(original, changes, encoding))
        _valid(accepted(_prepared, annotations, folder))
    finally:
        file.write_bytes(original)


texts = st.one_of(words, st.text(max_size=12)).filter(
    lambda text: not set(text) & {"\r", "\x00"} and text.isprintable() | ("\n" in text)
)
rows = st.lists(
    st.tuples(
        texts,
        st.floats(allow_nan=False) | st.just(math.nan),
        st.integers(-(2**63), 2**63 - 1),
        st.booleans(),
        st.sampled_from([True, False, None]),
    ),
    max_size=4,
)


@cases(100)
@given(rows)
def test_a_table_is_read_as_it_was_written(folder, content):
    path = folder / "table.csv"
    write_csv(pd.DataFrame(content, columns=list(TABLE)), path, None)
    frame = read_csv(path, TABLE)
    assert frame["id"].tolist() == [row[0] for row in content]
    assert frame["count"].tolist() == [row[2] for row in content]
    assert frame["flag"].tolist() == [row[3] for row in content]
    assert [None if value is pd.NA else value for value in frame["finding"]] == [row[4] for row in content]
    for found, row in zip(frame["number"], content, strict=True):
        assert found == pytest.approx(row[1], nan_ok=True, rel=1e-14)


WRITTEN = b"id,number,count,flag,finding\n007,0.5,3,True,False\nNA,,4,False,\n"


@cases(100)
@given(splices, encodings)
def test_a_damaged_table_is_refused_or_has_its_types(folder, changes, encoding):
    path = folder / "damaged.csv"
    path.write_bytes(spliced(WRITTEN, changes, encoding))
    frame = accepted(read_csv, path, TABLE)
    if frame is not None:
        assert {name: str(frame[name].dtype) for name in TABLE} == TABLE
