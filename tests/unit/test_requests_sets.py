"""Requests as sets: what a user's file names together, what goes along, whole people; and the kinds chosen by rule."""

import json

import pandas as pd
import pytest
from scenes_factory import config, edge, entry, kinds, write_source
from scenes_steps import everything, human, packing, requests, vocabulary

from soulbench.config.checks import _bank
from soulbench.core.errors import UserError
from soulbench.training.dataset import _requests

WIDE, NARROW = (0, 0, 50, 60), (0, 0, 20, 60)


@pytest.fixture
def source(tmp_path):
    """Images 1-6 for training: p1 is in 1, 2 and, narrow, in 3; image 4 is a group; 7 is held out, with p1 again."""
    objects = {
        1: [entry(10, "boy", WIDE), entry(11, "cap"), entry(12, "dog"), entry(13, "tree")],
        2: [entry(20, "boy", (0, 0, 60, 60)), entry(21, "cap")],
        3: [entry(30, "boy", NARROW), entry(31, "girl", WIDE), entry(32, "cap")],
        4: [entry(40, "girl", WIDE), entry(41, "boy", NARROW), entry(42, "man", (50, 0, 40, 60))],
        5: [entry(50, "girl", WIDE), entry(51, "dog")],
        6: [entry(60, "boy", WIDE), entry(61, "dog")],
        7: [entry(70, "boy", WIDE), entry(71, "dog")],
    }
    edges = {
        1: [edge(10, "wearing", 11), edge(10, "holding", 12), edge(13, "wearing", 10)],
        2: [edge(20, "wearing", 21)],
        3: [edge(31, "near", 30)],
    }
    folder = write_source(tmp_path / "source", objects, edges)
    (folder / "vg_splits.json").write_text(json.dumps({"train": [1, 2, 3, 4, 5, 6], "val": [], "test": [7]}))
    named = ["1,10,p1,", "2,20,p1,", "3,30,p1,", "7,70,p1,", "3,31,p2,", "4,40,p2,", "5,50,p3,"]
    (folder / "individuals.csv").write_text("\n".join(["image_id,object_id,individual,twin", *named]) + "\n")
    return folder


def setting(size=6, bank=None, **wanted):
    labels = ["boy", "girl", "man"]
    people = {"size": size, "heldout": 1, "labels": labels}
    return config({"min_objects": 2}, people, wanted, references={"bank": bank})


def mine(tmp_path, *lines, header="request,image_id,object_id,with,individual"):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return {"file": str(path)}


def table(folder, name="requests"):
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=False)


def resolved(source, tmp_path, *lines, size=6, **more):
    """Return kind, targets that were asked for, what goes along and what is elsewhere of one request."""
    everything(setting(size, **mine(tmp_path, *lines, **more)), source, tmp_path)
    rows = table(tmp_path)
    assert rows["kind"].nunique() == 1
    assert not rows["by_rule"].any()
    return rows["kind"].iloc[0], *(
        rows.loc[rows["role"] == role, "object_id"].tolist()
        for role in ("requested", "attached", "elsewhere")
    )


SETS = {
    # lines of a request -> kind, requested, attached, elsewhere
    "the boy, the cap stays": (["a,1,10,,"], ("object", [10], [], [20, 30])),
    "the boy and his cap": (["a,1,10,wearing,"], ("attached", [10], [11], [20, 30])),
    "two predicates": (["a,1,10,holding; wearing,"], ("attached", [10], [11, 12], [20, 30])),
    "the boy and a cap by its id": (["a,1,10,,", "a,1,11,,"], ("attached", [10], [11], [20, 30])),
    "named and going along": (["a,1,10,wearing,", "a,1,11,,"], ("attached", [10], [11], [20, 30])),
    "two images, and his cap in one": (["a,2,20,wearing,", "a,1,10,,"], ("attached", [20, 10], [21], [30])),
    "a whole person": (["a,,,,p1"], ("person", [20, 10, 30], [], [])),
    "a whole person line by line": (
        ["a,1,10,,p1", "a,2,20,,", "a,3,30,,p1"],
        ("person", [10, 20, 30], [], []),
    ),
    "two whole people": (["a,,,,p1", "a,,,,p2"], ("person", [20, 10, 30, 31, 40], [], [])),
    "somebody seen once": (["a,,,,p3"], ("object", [50], [], [])),
    "one of a group": (["a,4,40,,"], ("group", [40], [], [31])),
    "two of a group": (["a,4,40,,", "a,4,41,,"], ("group", [40, 41], [], [31])),
    "a whole group": (["a,4,40,,", "a,4,41,,", "a,4,42,,"], ("object", [40, 41, 42], [], [31])),
    "nobody knows who": (["a,6,60,,"], ("object", [60], [], [])),
}


@pytest.mark.parametrize("name", SETS)
def test_what_a_request_consists_of(source, tmp_path, name):
    lines, expected = SETS[name]
    assert resolved(source, tmp_path, *lines) == expected


def test_a_whole_person_puts_the_wide_appearances_into_the_subset(source, tmp_path):
    everything(setting(2, **mine(tmp_path, "a,,,,p1")), source, tmp_path)
    roles = table(tmp_path, "subset")
    assert roles.loc[roles["role"] == "subset", "image_id"].tolist() == [1, 2]
    with pytest.raises(UserError, match=r"human.size: 1 images are wanted, but the requests name 2"):
        vocabulary(setting(1, **mine(tmp_path, "a,,,,p1")), source, tmp_path / "small")


def test_the_table_of_a_run_names_the_same_requests(source, tmp_path):
    lines = ["a,,,,p1", "b,1,10,wearing,", "c,4,40,,"]
    everything(setting(**mine(tmp_path, *lines)), source, tmp_path)
    first = (tmp_path / "requests.csv").read_bytes()
    (tmp_path / "again.csv").write_bytes(first)
    everything(setting(file=str(tmp_path / "again.csv")), source, tmp_path)
    assert (tmp_path / "requests.csv").read_bytes() == first


def test_requests_of_different_kinds_may_share_an_object(source, tmp_path):
    everything(setting(**mine(tmp_path, "a,1,10,,", "b,1,10,wearing,", "c,,,,p1")), source, tmp_path)
    read = _requests(tmp_path / "requests.csv", ["__image__", "boy", "cap", "dog", "girl", "man", "tree"])
    assert {name: request.kind for name, request in read.items()} == {
        "a": "object",
        "b": "attached",
        "c": "person",
    }
    assert read["b"].images == {1: (10, 11)}
    assert read["b"].categories == (1,)
    assert [one.object_id for one in read["a"].elsewhere] == [20, 30]
    assert read["c"].primary.object_id == 20  # the widest of those that are wide enough


SHARING = {
    # lines -> the object, and whether the file alone tells of it, before any job
    "an object named twice": (
        ["a,1,10,,", "b,1,10,wearing,"],
        "object 10 of image 1",
        True,
    ),
    "a person named twice": (
        ["a,,,,p1", "b,,,,p1", "b,6,60,,"],
        "object 20 of image 2",
        True,
    ),
    "somebody who goes along": (
        ["a,3,31,near,", "b,,,,p1"],
        "object 30 of image 3",
        False,
    ),
    "an appearance of a person": (
        ["a,2,20,,", "b,,,,p1"],
        "object 20 of image 2",
        False,
    ),
}
BANK = {"models": 4, "share": 0.5}


@pytest.mark.parametrize("name", SHARING)
def test_no_model_of_a_bank_can_tell_requests_apart_that_share_an_object(source, tmp_path, name):
    lines, shared, is_named = SHARING[name]
    message = "requests a and b share "
    chosen = setting(bank=BANK, **mine(tmp_path, *lines))
    chosen["data"]["root"] = str(source)
    problems = list(_bank(chosen))
    assert [message in problem and "requests.file" in problem for problem in problems] == [True] * is_named
    with pytest.raises(UserError, match=rf"mine\.csv: {message}{shared}, .* references: {{bank: null}}"):
        vocabulary(chosen, source, tmp_path)
    # A file that is written after the first step is seen by the last one.
    mine(tmp_path, "c,1,10,,")
    for step in (vocabulary, packing, human):
        step(chosen, source, tmp_path)
    mine(tmp_path, *lines)
    with pytest.raises(UserError, match=message):
        requests(chosen, source, tmp_path)
    assert not list(_bank({**chosen, "references": {"bank": None}}))


def test_a_bank_takes_requests_in_one_image(source, tmp_path):
    chosen = setting(bank=BANK, **mine(tmp_path, "a,3,31,,", "b,4,40,,", "b,3,30,,"))
    chosen["data"]["root"] = str(source)
    assert not list(_bank(chosen))
    everything(chosen, source, tmp_path)
    assert table(tmp_path)["request"].nunique() == 2


REFUSED = {
    "an individual nobody is": (
        ["a,,,,p9"],
        r"line 2: request a names the individual 'p9', whom no training image shows",
    ),
    "an individual with a slip": (["a,,,,p01"], r"did you mean p1\?\); known: p1, p2, p3"),
    "somebody else": (["a,1,10,,p2"], "line 2: request a names object 10 of image 1: it is p1, not p2"),
    "a thing with a name": (["a,1,10,,", "a,1,11,,p1"], "line 3: .* it is nobody known, not p1"),
    "a thing first": (["a,1,11,,", "a,1,10,,"], "line 2: .* its label is not one of human.labels"),
    "a narrow person first": (["a,3,30,,"], "its width 0.200 is under human.min_width"),
    "an object that is not there": (["a,1,10,,", "a,1,99,,"], "line 3: .* the image has no such object"),
    "an image outside training": (["a,1,10,,", "a,7,70,,"], "line 3: .* its image is in test"),
    "predicates that lead nowhere": (
        ["a,2,20,holding,"],
        "line 2: no relationship 'holding' leads from object 20 of image 2",
    ),
    "an unknown predicate": (["a,2,20,waering,"], "known predicates: wearing, holding, near"),
    "the same object in two requests": (
        ["a,1,10,,", "b,1,10,,", "b,6,60,,"],
        "line 3: requests a and b are both of the kind object and share object 10 of image 1",
    ),
    "a whole person in two requests": (
        ["a,,,,p1", "b,1,10,,", "b,2,20,,", "b,3,30,,"],
        "line 3: requests a and b are both of the kind person",
    ),
}


SET_HEADER = "request,image_id,object_id,with,individual,set"
OVERLAPS = {
    "the same image": (["a,4,40,,,test", "b,4,42,,,development"], "line 3: .* share image 4"),
    "the same person by name": (["a,,,,p2,", "b,3,31,,p2,development"], "line 3: .* share individual p2"),
    "the same person in another image": (
        ["a,1,10,,,", "b,2,20,,,development"],
        "line 3: .* share individual p1",
    ),
    "a whole person and an image": (["a,,,,p1,development", "b,1,10,,,"], "line 3: .* share image 1"),
}


@pytest.mark.parametrize("name", OVERLAPS)
def test_development_requests_share_nothing_with_test_requests(source, tmp_path, name):
    lines, message = OVERLAPS[name]
    with pytest.raises(UserError, match=rf"mine\.csv, {message}; test and development requests must"):
        chosen = setting(**mine(tmp_path, *lines, header=SET_HEADER))
        vocabulary(chosen, source, tmp_path)


def test_a_file_names_development_requests(source, tmp_path):
    lines = ["dev,5,50,,,development", "a,1,10,,,test", "b,4,42,,,"]
    everything(setting(**mine(tmp_path, *lines, header=SET_HEADER)), source, tmp_path)
    rows = table(tmp_path).query("role == 'requested'")
    assert dict(zip(rows["request"], rows["set"], strict=True)) == {
        "dev": "development",
        "a": "test",
        "b": "test",
    }


@pytest.mark.parametrize("name", REFUSED)
def test_impossible_sets_are_refused_before_photographs_are_read(source, tmp_path, name):
    lines, message = REFUSED[name]
    with pytest.raises(UserError, match=rf"mine\.csv, {message}" if message.startswith("line") else message):
        vocabulary(setting(**mine(tmp_path, *lines)), source, tmp_path)


def test_a_kind_that_is_written_is_checked(source, tmp_path):
    header = "request,image_id,object_id,kind"
    assert resolved(source, tmp_path, "a,4,40,group", header=header)[0] == "group"
    with pytest.raises(UserError, match=r"line 2: kind is 'object', but request a is of the kind group"):
        vocabulary(setting(**mine(tmp_path, "a,4,40,object", header=header)), source, tmp_path)


def test_requests_of_all_kinds_are_chosen_by_rule(source, tmp_path):
    wanted = {"kinds": kinds(object=1, attached=1, person=1, group=1), "with": ["wearing"]}
    everything(setting(**wanted), source, tmp_path)
    rows = table(tmp_path)
    assert rows["by_rule"].all()
    targets = rows[rows["role"] != "elsewhere"]
    assert targets.drop_duplicates("request")["kind"].tolist() == ["object", "attached", "person", "group"]
    by_request = targets.groupby("request")["object_id"].agg(list)
    assert len(by_request["r1"]) == 1 and by_request["r1"][0] // 10 != 4  # nobody of the group
    assert by_request["r2"] in ([10, 11], [20, 21])
    assert sorted(by_request["r3"]) in ([10, 20, 30], [31, 40])
    assert by_request["r4"] in ([40], [42])
    assert targets["object_id"].is_unique


@pytest.mark.parametrize("wanted", [kinds(object=2), kinds(object=1, attached=1), kinds(object=1, group=1)])
def test_development_requests_are_chosen_after_the_others_and_apart_from_them(source, tmp_path, wanted):
    chosen = {"kinds": wanted, "with": ["wearing"]}
    everything(setting(**chosen), source, tmp_path)
    before = table(tmp_path)
    everything(setting(**chosen, development=1), source, tmp_path)
    rows = table(tmp_path)
    test, development = (rows[rows["set"] == name].reset_index(drop=True) for name in ("test", "development"))
    pd.testing.assert_frame_equal(test, before)
    assert set(development["request"]) == {"d1"}
    targets = [part[part["role"] != "elsewhere"] for part in (test, development)]
    for column in ("image_id", "individual"):
        first, second = (set(part[column]) - {""} for part in targets)
        assert second and not first & second


def individuals_asked_for(source, tmp_path, **wanted):
    everything(setting(**wanted), source, tmp_path)
    rows = table(tmp_path)
    return (
        rows[rows["role"] == "requested"]
        .drop_duplicates("request")
        .set_index("request")["individual"]
        .to_dict()
    )


def test_nobody_is_asked_for_twice_and_no_twin_of_somebody(source, tmp_path):
    assert sorted(individuals_asked_for(source, tmp_path, kinds=kinds(object=3)).values()) == [
        "p1",
        "p2",
        "p3",
    ]
    named = (source / "individuals.csv").read_text()
    (source / "individuals.csv").write_text(named.replace(",p1,", ",p1,p2").replace(",p2,", ",p2,p1"))
    found = individuals_asked_for(source, tmp_path, kinds=kinds(object=2))
    assert "p3" in found.values() and {*found.values()} & {"p1", "p2"}
    assert found["r1"] != "p3", "the first request is one of two twins"


def test_budgets_are_selected_on_people_who_are_known_where_there_are_some(source, tmp_path):
    found = individuals_asked_for(source, tmp_path, kinds=kinds(object=1), development=3)
    assert all(found.values())


def test_too_few_people_for_development(source, tmp_path):
    chosen = setting(kinds=kinds(object=1), development=9)
    for step in (vocabulary, packing, human):
        step(chosen, source, tmp_path)
    with pytest.raises(UserError, match=r"requests\.development: 9 are wanted, but only \d can be chosen"):
        requests(chosen, source, tmp_path)


def test_as_released_the_first_wide_person_of_each_image_is_the_target(source, tmp_path):
    wanted = {"kinds": kinds(object=6), "selection": "first_instance"}
    everything(setting(**wanted), source, tmp_path)
    targets = table(tmp_path).query("role == 'requested'")
    assert targets["object_id"].tolist() == [10, 20, 31, 40, 50, 60]
    everything(setting(**wanted | {"selection": "varied"}), source, tmp_path / "varied")
    assert table(tmp_path / "varied").query("role == 'requested'")["object_id"].tolist() != [
        *targets["object_id"]
    ]


def test_requests_chosen_by_rule_share_no_object(source, tmp_path):
    """The person p1 would be in the image that another request has an object of."""
    for selection in ("varied", "first_instance"):
        wanted = {"kinds": kinds(object=1, person=2), "selection": selection}
        chosen = setting(**wanted)
        for step in (vocabulary, packing, human):
            step(chosen, source, tmp_path / selection)
        with pytest.raises(UserError, match=r"requests\.kinds\.person: 2 are wanted, .* in other requests"):
            requests(chosen, source, tmp_path / selection)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (kinds(group=3), r"requests\.kinds\.group: 3 are wanted, .* such people in images of 3 or more: 2"),
        (
            kinds(attached=2),
            r"requests\.kinds\.attached: 2 are wanted, .* a relationship of requests\.with leads",
        ),
        (
            kinds(person=4),
            r"requests\.kinds\.person: 4 are wanted, .* appear in two or more training images: 2",
        ),
    ],
)
def test_too_few_of_a_kind_are_noticed_before_photographs_are_read(source, tmp_path, wanted, message):
    with pytest.raises(UserError, match=message):
        vocabulary(setting(**{"kinds": wanted, "with": ["near"]}), source, tmp_path)
