"""Broken annotation folders: each ends in a clear error or in dropped and counted entries, never in a traceback."""

import codecs
import json

import pytest
from scenes_factory import config, edge, entry, write_source
from scenes_harms import (
    PHOTOGRAPH,
    change,
    content,
    cut,
    encoded,
    fifo,
    folder,
    individuals,
    loop,
    photograph,
    png,
    text,
)
from scenes_steps import everything

from soulbench.core.errors import UserError


@pytest.fixture
def source(tmp_path):
    """Four images of a man and a dog each; the last is for evaluation."""
    objects = {image: [entry(10 * image, "man"), entry(10 * image + 1, "dog")] for image in (1, 2, 3, 4)}
    edges = {1: [edge(10, "on", 11)]}
    folder = write_source(tmp_path / "source", objects, edges, {1: {10: ["tall"]}})
    (folder / "vg_splits.json").write_text(json.dumps({"train": [1, 2, 3], "val": [4], "test": []}))
    return folder


def run(source, data, **more):
    everything(config(more or None), source, data)


OBJECT = ("objects.json", 0, "objects", 0)
IMAGE = ("image_data.json", 1)
NESTED = b"[" * 100_000 + b"]" * 100_000
ERRORS = {
    # image_data.json
    "url with a broken host": (
        change(*IMAGE, "url", value="http://[::1/a/b.png"),
        "image 2: url .*Invalid IPv6",
    ),
    "url of two megabytes": (
        change(*IMAGE, "url", value="a/" * 10**6 + "b/c.png"),
        "image 2: .* 2000007 characters",
    ),
    "url with a strange host": (
        change(*IMAGE, "url", value="http://a\u2100b/c/d.png"),
        "image 2: url .* is no url",
    ),
    "url that ends in a name of 300 bytes": (
        change(*IMAGE, "url", value=f"https://a.b/c/{300 * 'x'}.png"),
        "image 2: url .* more than 255 bytes",
    ),
    "url with a NUL": (change(*IMAGE, "url", value="https://a.b/c/\0.png"), "image 2: url .*folder/file"),
    "url that is null": (change(*IMAGE, "url", value=None), "record 1 .*Expected `str`, got `null`"),
    "url that is a number": (change(*IMAGE, "url", value=7), "record 1 .*Expected `str`, got `int`"),
    "width as text": (change(*IMAGE, "width", value="100"), "record 1 .*Expected `int`, got `str`"),
    "width with a fraction": (change(*IMAGE, "width", value=1.5), "record 1 .*Expected `int`"),
    "negative height": (change(*IMAGE, "height", value=-3), "record 1 .*`int` >= 0"),
    "endless height": (change(*IMAGE, "height", value=10**30), "record 1 .*`int`"),
    "id as text": (change(*IMAGE, "image_id", value="2"), "record 1 .*Expected `int`, got `str`"),
    "id that is true": (change(*IMAGE, "image_id", value=True), "record 1 .*Expected `int`, got `bool`"),
    "record that is null": (change(*IMAGE, value=None), "record 1 .*Expected `object`, got `null`"),
    "record that is a list": (change(*IMAGE, value=[]), "record 1 .*Expected `object`, got `array`"),
    # objects.json
    "box with NaN": (change(*OBJECT, "x", value=float("nan")), "objects.json: not a whole JSON file"),
    "box with infinity": (change(*OBJECT, "w", value=float("inf")), "objects.json: not a whole JSON file"),
    "box beyond float64": (
        text("objects.json", '"x": 10', '"x": 1e999'),
        "record 0 .*[Nn]umber out of range",
    ),
    "box of 5000 digits": (text("objects.json", '"x": 10', '"x": ' + 5000 * "9"), "record 0 .*out of range"),
    "box as text": (change(*OBJECT, "h", value="40"), "record 0 .*Expected `float`, got `str`"),
    "object id of null": (change(*OBJECT, "object_id", value=None), "record 0 .*Expected `int`, got `null`"),
    "names of null": (change(*OBJECT, "names", value=None), "record 0 .*Expected `array`, got `null`"),
    "name that is null": (change(*OBJECT, "names", value=[None]), "record 0 .*Expected `str`, got `null`"),
    "objects of null": (
        change(*OBJECT[:2], "objects", value=None),
        "record 0 .*Expected `array`, got `null`",
    ),
    "lone surrogate": (text("objects.json", '"man"', '"\\ud800"'), "objects.json: not a whole JSON file"),
    "no objects at all": (content("objects.json", b"[]"), "none of its images is listed"),
    "nothing but braces": (content("objects.json", b"[{}]"), "record 0 .*missing required field `image_id`"),
    # any annotation file
    "text behind the list": (content("attributes.json", b"[] []"), "attributes.json: not a whole JSON file"),
    "cut in the middle": (cut("relationships.json", 0.5), "relationships.json: not a whole JSON file"),
    "one byte": (content("objects.json", b"["), "objects.json: not a whole JSON file"),
    "zero bytes": (content("objects.json", b"\0" * 50), "objects.json: not a whole JSON file"),
    "byte-order mark": (encoded("objects.json", "utf-8", codecs.BOM_UTF8), "objects.json: .*byte-order mark"),
    "UTF-16": (encoded("objects.json", "utf-16"), "objects.json: .*UTF-8"),
    "UTF-32": (encoded("objects.json", "utf-32-le"), "objects.json: not a whole JSON file"),
    "Latin-1": (
        content("objects.json", '[{"image_id": 1, "objects": ["ä"]}]'.encode("latin-1")),
        "objects.json",
    ),
    "deep nesting": (content("objects.json", NESTED), "objects.json"),
    "deep nesting in a field": (
        text("objects.json", '"x": 10', f'"q": {NESTED.decode()}, "x": 10'),
        "objects.json",
    ),
    "deep nesting in a field that is read": (
        text("objects.json", '["man"]', NESTED.decode()),
        "objects.json",
    ),
    "JSON that is a folder": (folder("objects.json"), "objects.json: not a file"),
    "JSON that links to itself": (loop("objects.json"), "objects.json: cannot be read .*symbolic links"),
    "JSON that is a pipe": (fifo("objects.json"), "objects.json: not a file"),
    # relationships.json, attributes.json
    "subject that is a number": (
        change("relationships.json", 0, "relationships", 0, "subject", value=10),
        "record 0 .*Expected `object`, got `int`",
    ),
    "predicate of null": (
        change("relationships.json", 0, "relationships", 0, "predicate", value=None),
        "record 0 .*Expected `str`, got `null`",
    ),
    "attribute that is a number": (
        change("attributes.json", 0, "attributes", 0, "attributes", value=[5]),
        "record 0 .*Expected `str`, got `int`",
    ),
    # alias files
    "aliases in a folder": (folder("object_alias.txt"), "object_alias.txt: not a file"),
    "aliases in Latin-1": (
        content("object_alias.txt", b"caf\xe9,cafe\n"),
        "object_alias.txt, line 1: not a text in UTF-8",
    ),
    "aliases that link to themselves": (loop("object_alias.txt"), "object_alias.txt: cannot be read"),
    "endless alias": (
        content("object_alias.txt", b"man,\n" + b"x" * 10**6),
        "object_alias.txt, line 2: .*1000",
    ),
    # vg_splits.json
    "split file deeply nested": (content("vg_splits.json", NESTED), "vg_splits.json: .*nested too deeply"),
    "split file with an endless id": (
        text("vg_splits.json", "[1,", f"[{5000 * '9'},"),
        "vg_splits.json: not a whole JSON file .*digits",
    ),
    "split file with nulls": (
        change("vg_splits.json", "val", value=[None]),
        "val is not a list of image ids",
    ),
    # individuals.csv
    "individuals in a folder": (folder("individuals.csv"), "individuals.csv: not a file"),
    "individuals that are empty": (
        content("individuals.csv", b""),
        "individuals.csv: the column image_id is missing",
    ),
    "individuals of other columns": (
        individuals("1,p1", header="person,name"),
        "individuals.csv: the column image_id is missing",
    ),
    "individuals with ids as text": (individuals("one,10,p1,"), "individuals.csv, line 2: image_id is 'one'"),
    "individuals with fractions": (individuals("1,10.5,p1,"), "individuals.csv, line 2: object_id is '10.5'"),
    "individuals with endless ids": (individuals("1," + 30 * "9" + ",p1,"), "line 2: object_id is '999"),
    "individuals twice": (
        individuals("1,10,p1,", "1,10,p2,"),
        "line 3: image_id 1, object_id 10 is listed twice",
    ),
    "individuals in Latin-1": (
        content("individuals.csv", b"image_id\xe9"),
        "individuals.csv, line 1: not a text in UTF-8",
    ),
    "individuals with an open quote": (
        individuals('1,10,"p1,'),
        "individuals.csv, line 2: unexpected end of data",
    ),
    "individuals with short lines": (individuals("1"), "individuals.csv, line 2: 1 fields; 4 are expected"),
    # photographs
    "photograph that is a folder": (folder(*PHOTOGRAPH), "1 of 4 photographs missing: .*2.png"),
    "photograph that links to itself": (loop(*PHOTOGRAPH), "1 of 4 photographs missing: .*2.png"),
    "photograph that is a pipe": (fifo(*PHOTOGRAPH), "1 of 4 photographs missing: .*2.png"),
    "photograph without bytes": (photograph(b""), "1 of 4 photographs broken: .*2.png"),
    "photograph of text": (photograph(b"<html>404</html>"), "1 of 4 photographs broken: .*2.png"),
    "photograph that is cut": (cut("/".join(PHOTOGRAPH), 0.6), "1 of 4 photographs broken: .*2.png"),
    "photograph of 10^9 pixels": (photograph(png(40_000, 25_000)), "1 of 4 photographs broken: .*2.png"),
    "photograph of 10^18 pixels": (
        photograph(png(2**31 - 1, 2**31 - 1)),
        "1 of 4 photographs broken: .*2.png",
    ),
    "photograph of no pixels": (photograph(png(0, 5)), "1 of 4 photographs broken: .*2.png"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_broken_folder_ends_in_a_clear_error(source, tmp_path, name):
    harm, message = ERRORS[name]
    harm(source)
    with pytest.raises(UserError, match=message):
        run(source, tmp_path)


ABSURD = {"x": -1e300, "y": 0, "w": 1e301, "h": 40}
LOST_ENDS = {
    "attributes of objects that are not there": 1,
    "relationships to objects that are not there": 1,
}
DROPPED = {
    # harm; section and key of summary.json, and the numbers expected there
    "box beyond float32": (
        change(*OBJECT, value=entry(10, "man") | ABSURD),
        ("dropped", "objects", {"box outside of the image": 1}),
    ),
    "box far outside": (
        change(*OBJECT, "x", value=1e12),
        ("dropped", "objects", {"box outside of the image": 1}),
    ),
    "box of negative size": (
        change(*OBJECT, "w", value=-40),
        ("dropped", "objects", {"width or height under data.min_object_side": 1}),
    ),
    "no names": (
        change(*OBJECT, "names", value=[]),
        ("dropped", "objects", {"none of its names in the vocabulary (data.min_object_instances)": 1}),
    ),
    "blank name": (change(*OBJECT, "names", value=[" "]), ("ignored", None, {"empty object names": 1})),
    "id twice": (
        change(*OBJECT, "object_id", value=11),
        ("ignored", None, {"objects with an id that their image already has": 1} | LOST_ENDS),
    ),
    "largest id": (
        change(*OBJECT, "object_id", value=2**63 - 1),
        ("ignored", None, LOST_ENDS),
    ),
    "object of null attributes": (
        change("attributes.json", 0, "attributes", 0, "attributes", value=None),
        ("ignored", None, {}),
    ),
    "attributes of no object": (
        change("attributes.json", 0, "attributes", 0, "object_id", value=99),
        ("ignored", None, {"attributes of objects that are not there": 1}),
    ),
    "relationship to no object": (
        change("relationships.json", 0, "relationships", 0, "object", "object_id", value=99),
        ("ignored", None, {"relationships to objects that are not there": 1}),
    ),
    "image that only one file lists": (
        change("objects.json", 3, "image_id", value=77),
        (
            "ignored",
            None,
            {
                "images of objects.json that image_data.json does not list": 1,
                "images of image_data.json that objects.json does not list": 1,
            },
        ),
    ),
    "image outside of the split": (
        change("vg_splits.json", "train", value=[1, 2]),
        ("dropped", "images", {"not in the split file": 1}),
    ),
    "empty split": (
        change("vg_splits.json", "val", value=[]),
        ("dropped", "images", {"not in the split file": 1}),
    ),
    "image of absurd size": (
        change(*IMAGE, "width", value=2**63 - 1),
        ("packed", "treated_photographs", {"of another size than annotated": 1}),
    ),
    "odd alias lines": (
        content("object_alias.txt", b",,,\n\n,man\nman\xc2\xa0,guy\r\n  \nguy,guy,,\n"),
        ("ignored", None, {}),
    ),
    "split file with a byte-order mark": (
        encoded("vg_splits.json", "utf-8", codecs.BOM_UTF8),
        ("dropped", "images", {}),
    ),
    "alias with a byte-order mark": (
        content("object_alias.txt", codecs.BOM_UTF8 + b"man,dog\n"),
        ("vocabulary", None, {"objects": 2, "predicates": 2, "attributes": 1}),
    ),
}


@pytest.mark.parametrize("name", DROPPED)
def test_a_broken_entry_is_dropped_and_counted(source, tmp_path, name):
    harm, (section, key, expected) = DROPPED[name]
    harm(source)
    run(source, tmp_path)
    counts = json.loads((tmp_path / "summary.json").read_text())[section]
    assert (counts if key is None else counts[key]) == expected


BAD_PHOTOGRAPHS = [name for name in ERRORS if name.startswith("photograph")]


@pytest.mark.parametrize("name", BAD_PHOTOGRAPHS)
def test_bad_photographs_are_skipped_and_counted_on_request(source, tmp_path, name):
    ERRORS[name][0](source)
    run(source, tmp_path, bad_photographs="skip")
    packed = json.loads((tmp_path / "summary.json").read_text())["packed"]
    assert packed["images"] == {"train": 2, "val": 1, "test": 0}
    assert len(packed["bad_photographs"]) == 1
