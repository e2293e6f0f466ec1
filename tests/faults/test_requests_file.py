"""A requests.csv is read strictly: what is no set of objects for each id is refused, with its line."""

import codecs

import pytest

from soulbench.config import requests_file
from soulbench.config.requests_file import read
from soulbench.core.errors import UserError
from soulbench.core.limits import LARGEST_CSV
from soulbench.core.user_files import read_rows

HEADER = b"request,image_id,object_id\n"
SETS = b"request,image_id,object_id,set\n"
MORE = b"request,image_id,object_id,with,individual\n"


def requests(tmp_path, content):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    return read({"requests": {"file": str(path)}})


def keys(read):
    """Return what every request asks for."""
    return {request: [line.key for line in lines] for request, lines in read.items()}


ACCEPTED = {
    "plain": HEADER + b"a,1,2\nb,3,4\n",
    "no line break at the end": HEADER + b"a,1,2\nb,3,4",
    "Windows": b"request,image_id,object_id\r\na,1,2\r\nb,3,4\r\n",
    "old Macintosh": b"request,image_id,object_id\ra,1,2\rb,3,4\r",
    "a byte-order mark": codecs.BOM_UTF8 + HEADER + b"a,1,2\nb,3,4\n",
    "quotes": b'"request","image_id","object_id"\n"a","1","2"\n"b", "3" ,"4"\n'.replace(b'" ,', b'",'),
    "spaces": b" request , image_id,object_id \n a , 1,2 \nb,\t3,4\n",
    "blank lines": b"\n\n" + HEADER + b"\n  \na,1,2\n\nb,3,4\n\n",
    "leading zeros": HEADER + b"a,01,002\nb,3,4\n",
    "columns in another order, and more of them": b"object_id,note,request,image_id\n2,x,a,1\n4,,b,3\n",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_same_requests_however_they_are_written(tmp_path, name):
    assert keys(requests(tmp_path, ACCEPTED[name])) == {"a": [(1, 2)], "b": [(3, 4)]}


def test_ids_that_look_like_numbers_are_text(tmp_path):
    rows = requests(tmp_path, HEADER + b"9,1,2\n09,3,4\n1e5,5,6\nInf,7,8\n")
    assert list(rows) == ["9", "09", "1e5", "Inf"]


def test_several_lines_are_one_request(tmp_path):
    lines = b"a,1,2,wearing; holding ,\na,1,3,,\nboth,,,,p4\nboth,,,,p5\nb,1,2,,p4\n"
    read = requests(tmp_path, MORE + lines)
    assert keys(read) == {"a": [(1, 2), (1, 3)], "both": [("p4",), ("p5",)], "b": [(1, 2)]}
    assert [line.along for line in read["a"]] == [("wearing", "holding"), ()]
    assert read["b"][0].individual == "p4"
    assert (read["both"][0].image_id, read["both"][0].object_id) == (None, None)


def test_a_file_is_parsed_again_only_after_it_has_changed(tmp_path, monkeypatch):
    parsed = []

    def counted(path, *arguments, **more):
        parsed.append(path)
        return read_rows(path, *arguments, **more)

    monkeypatch.setattr(requests_file, "read_rows", counted)
    first = requests(tmp_path, HEADER + b"a,1,2\n")
    first["a"].clear()  # what a caller does with it is its own
    settings = {"requests": {"file": str(tmp_path / "mine.csv")}}
    assert keys(read(settings)) == keys(read(settings)) == {"a": [(1, 2)]}
    assert len(parsed) == 1
    assert keys(requests(tmp_path, HEADER + b"a,1,23\n")) == {"a": [(1, 23)]}
    assert len(parsed) == 2


def test_the_table_of_a_run_can_be_read(tmp_path):
    lines = (
        b"r1,person,requested,p1,1,2,man\nr1,person,requested,p1,4,5,man\nr2,object,requested,p2,7,8,boy\n"
    )
    table = b"request,kind,role,individual,image_id,object_id,category\n" + lines
    read = requests(tmp_path, table + b"r2,object,elsewhere,p2,9,10,boy\n")
    assert keys(read) == {"r1": [(1, 2), (4, 5)], "r2": [(7, 8)]}
    assert {line.kind for line in read["r1"]} == {"person"}


def test_requests_are_of_the_test_set_unless_they_say_development(tmp_path):
    read = requests(tmp_path, SETS + b"a,1,2,\nb,3,4,test\nc,5,6,development\nc,7,8,development\n")
    assert {name: {line.set for line in lines} for name, lines in read.items()} == {
        "a": {"test"},
        "b": {"test"},
        "c": {"development"},
    }


REFUSED = {
    "an unknown set": (SETS + b"a,1,2,dev\n", "line 2: set is 'dev'; allowed: test | development"),
    "two sets in a request": (
        SETS + b"a,1,2,\na,3,4,development\n",
        "line 3: request a is development here, but",
    ),
    "no test request": (SETS + b"a,1,2,development\n", "all requests are in the set development"),
    "an image in both sets": (
        SETS + b"a,1,2,\nb,1,3,development\n",
        "line 3: the test request a and the development request b share image 1",
    ),
    # content; what the message says
    "a field too many": (HEADER + b"a,1,2,b\n", "line 2: 4 fields; 3 are expected, as in the header"),
    "two requests in a line": (HEADER + b"a,1,2,b,3,4\n", "line 2: 6 fields"),
    "a comma at the end": (HEADER + b"a,1,2,\n", "line 2: 4 fields"),
    "a field too few": (HEADER + b"a,1,2\nb,3\n", "line 3: 2 fields"),
    "semicolons": (HEADER.replace(b",", b";") + b"a;1;2\n", "the column request is missing"),
    "a column twice": (
        b"request,image_id,image_id,object_id\na,1,1,2\n",
        "the column image_id is there twice",
    ),
    "a column of another name": (b"request,image,object_id\na,1,2\n", "the column image_id is missing"),
    "lines of a request apart": (HEADER + b"a,1,2\nb,3,4\n\na,5,6\n", "line 5: request a is there already"),
    "an object twice in a request": (
        HEADER + b"a,1,2\na,01,2\n",
        "line 3: image_id 1, object_id 2 is there twice in",
    ),
    "a person twice in a request": (
        MORE + b"a,,,,p1\na,,,,p1\n",
        "line 3: individual p1 is there twice in request a",
    ),
    "the same set in another order": (
        HEADER + b"a,1,2\na,3,4\nb,3,4\nb,1,2\n",
        "line 4: image_id 3, object_id 4 is there twice; request a asks for the same",
    ),
    "the same person": (
        MORE + b"a,,,,p1\nb,,,,p1\n",
        "line 3: individual p1 is there twice; request a asks for",
    ),
    "neither an object nor a person": (
        MORE + b"a,,,,\n",
        "line 2: image_id is ''; a whole number is expected",
    ),
    "an image without an object": (
        MORE + b"a,1,,,p1\n",
        "line 2: object_id is ''; a whole number is expected",
    ),
    "predicates of a whole person": (
        MORE + b"a,,,wearing,p1\n",
        "line 2: with is 'wearing' beside a whole person",
    ),
    "with twice": (b"request,image_id,object_id,with,with\na,1,2,,\n", "the column with is there twice"),
    "the same object": (
        HEADER + b"a,1,2\nb,1,2\n",
        "line 3: image_id 1, object_id 2 is there twice; request a",
    ),
    "the same object with a zero before it": (
        HEADER + b"a,9,5\nb,09,05\n",
        "line 3: image_id 9, object_id 5",
    ),
    "a number after blank lines": (HEADER + b"\n\n\nb,x,4\n", "line 5: image_id is 'x'; a whole number"),
    "a number after blank lines of Windows": (b"\r\n" + HEADER + b"\r\nb,x,4\r\n", "line 4: image_id is 'x'"),
    "a number of 19 digits": (HEADER + b"a," + b"9" * 19 + b",4\n", "line 2: image_id is '999"),
    "a number with a sign": (HEADER + b"a,+1,4\n", "line 2: image_id is '+1'"),
    "a number with a point": (HEADER + b"a,1.0,4\n", "line 2: image_id is '1.0'"),
    "Arabic digits": (HEADER + "a,\u0661,4\n".encode(), "line 2: image_id is '\u0661'"),
    "an open quote": (HEADER + b'a,1,2\n"b,3,4\nc,5,6\n', "line 3: unexpected end of data"),
    "a quote over two lines": (HEADER + b'"a\nb",1,2\n', "line 2: a quote is open at its end"),
    "text behind a quote": (HEADER + b'"a"b,1,2\n', "line 2: ',' expected after"),
    "an endless field": (HEADER + b"a" * 1001 + b",1,2\n", "line 2: a field of more than 1000 characters"),
    "an endless line": (HEADER + b"a" * 200_000 + b",1,2\n", "line 2: field larger than field limit"),
    "Latin-1": (HEADER + b"a,1,2\nB\xe4r,3,4\n", "line 3: not a text in UTF-8"),
    "UTF-16": (HEADER.decode().encode("utf-16"), "line 1: not a text in UTF-8"),
    "UTF-16 without a mark": (HEADER.decode().encode("utf-16-le"), "line 1: not a text in UTF-8"),
    "a NUL": (HEADER + b"a,1,2\nb\0,3,4\n", "line 3: not a text in UTF-8"),
    "nothing": (b"", "the column request is missing"),
    "a header alone": (HEADER + b"\n", "no request is in it"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_set_of_objects_for_each_id_is_refused(tmp_path, name):
    content, message = REFUSED[name]
    with pytest.raises(UserError) as caught:
        requests(tmp_path, content)
    assert message in str(caught.value)
    assert "mine.csv" in str(caught.value)


def test_a_file_beyond_the_limit_is_refused(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(HEADER)
    with path.open("r+b") as file:
        file.truncate(LARGEST_CSV + 1)  # a hole, which takes no room
    with pytest.raises(UserError, match=r"mine\.csv: larger than 50,000,000 bytes"):
        read({"requests": {"file": str(path)}})
