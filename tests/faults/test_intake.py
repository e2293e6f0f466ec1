"""Files beyond the limits or of another kind than expected: refused, with the file, the entry and the limit."""

import contextlib
import io
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from soulbench.core.sources import ROOT

sys.path.append(str(ROOT / "tests" / "unit"))  # the factories

from scenes_factory import config, entry, no_log, write_source
from scenes_harms import change, content, individuals, photograph, png, text
from scenes_steps import vocabulary

from soulbench.core import archives
from soulbench.core.errors import UserError
from soulbench.data.prepare import download as downloads
from soulbench.data.prepare import photographs, source_files
from soulbench.data.prepare.annotations import read_annotations
from soulbench.data.prepare.download import Download, fetch, unpack
from soulbench.data.prepare.photographs import BrokenPhotograph, decode_photograph, read_file
from soulbench.data.requests.individuals import read_individuals


@pytest.fixture
def source(tmp_path):
    """Three images of a man and a dog each."""
    objects = {image: [entry(10 * image, "man"), entry(10 * image + 1, "dog")] for image in (1, 2, 3)}
    folder = write_source(tmp_path / "source", objects, attributes={1: {10: ["tall"]}})
    (folder / "vg_splits.json").write_text('{"train": [1, 2], "val": [3], "test": []}')
    return folder


X = '"x": 10'
NESTED = 2_000 * "[" + 2_000 * "]"
FILES = {
    # annotations
    "url of 20 MB": (
        change("image_data.json", 1, "url", value="https://a.b/" + "c/" * 10**7),
        r"image_data.json: image 2: url 'https://a.b.* has 20000012 characters; at most 2000",
    ),
    "photograph's name of 300 letters of two bytes": (
        change("image_data.json", 1, "url", value=f"https://a.b/c/{150 * 'ä'}.png"),
        "image_data.json: image 2: .*more than 255 bytes",
    ),
    "name of 20 MB": (
        change("objects.json", 1, "objects", 0, "names", value=["x" * 20_000_000]),
        "objects.json: a name of 20000000 characters, 'xxx.*at most 1000",
    ),
    "NaN": (text("objects.json", X, '"x": NaN'), "objects.json: not a whole JSON file .*NaN"),
    "Infinity": (
        text("objects.json", X, '"x": -Infinity'),
        "objects.json: not a whole JSON file .*Infinity",
    ),
    "huge integer": (text("objects.json", X, f'"x": {"9" * 400}'), "objects.json: record 0 .*out of range"),
    "huge integer that is not read": (
        text("objects.json", X, f'{X}, "y2": {"9" * 5000}'),
        "objects.json: record 0 .*4300 digits",
    ),
    "doubled key": (text("objects.json", X, f"{X}, {X}"), "objects.json: record 0 .*'x' is there twice"),
    "doubled key that is not read": (
        text("image_data.json", '"coco_id": null', '"coco_id": 1, "coco_id": 2'),
        "image_data.json: record 0 .*'coco_id' is there twice",
    ),
    "nested": (text("objects.json", '["man"]', NESTED), "objects.json: .*nested too deeply"),
    "nested where it is not read": (text("objects.json", X, f'{X}, "q": {NESTED}'), "nested too deeply"),
    "Latin-1 in a name": (
        lambda source: content(
            "objects.json", (source / "objects.json").read_bytes().replace(b"man", b"m\xe4n", 1)
        )(source),
        "objects.json: record 0 .*(utf-8|UTF-8)",
    ),
    "UTF-16": (
        lambda source: content("objects.json", (source / "objects.json").read_text().encode("utf-16"))(
            source
        ),
        "objects.json: .*UTF-8",
    ),
    # the split file
    "split with a doubled key": (
        content("vg_splits.json", b'{"train": [1], "val": [2], "train": [3], "test": []}'),
        "vg_splits.json: .*the key 'train' is there twice",
    ),
    "split with NaN": (text("vg_splits.json", "[3]", "[NaN]"), "vg_splits.json: .*NaN is not allowed"),
    "split in Latin-1": (
        content("vg_splits.json", b'{\n"\xe4"'),
        "vg_splits.json, line 2: not a text in UTF-8",
    ),
    "split that ends early": (content("vg_splits.json", b'{"train":\n'), "vg_splits.json: .*line 2 column 1"),
    "split with ids as text": (
        text("vg_splits.json", "[1, 2]", '[1, "2"]'),
        r"vg_splits.json: train .*entry 1 \(counted from 0\) is '2'",
    ),
    # alias files
    "alias in UTF-16": (
        content("object_alias.txt", "man,guy\n".encode("utf-16")),
        "alias.txt, line 1: not a text",
    ),
    "alias with a NUL": (content("object_alias.txt", b"man,guy\nm\0n,x\n"), "alias.txt, line 2: not a text"),
    "endless alias": (
        content("object_alias.txt", b"\r\nman," + b"x" * 2000),
        "alias.txt, line 2: a term of more",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused(source, tmp_path, name):
    harm, message = FILES[name]
    harm(source)
    with pytest.raises(UserError, match=message) as caught:
        vocabulary(config(), source, tmp_path)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("length", [10, 200])
def test_a_long_url_takes_no_room(source, tmp_path, length):
    change("image_data.json", 1, "url", value=f"https://a.b/{length * 'x'}/VG_100K/2.png")(source)
    vocabulary(config(), source, tmp_path)
    assert (tmp_path / "graphs" / "photograph.npy").stat().st_size == 128 + 3 * 4 * len("VG_100K/2.png")


def test_a_large_file_is_not_searched_for_doubled_keys(source, monkeypatch):
    text("objects.json", X, f"{X}, {X}")(source)
    monkeypatch.setattr(source_files, "SEARCHED_FOR_DOUBLED_KEYS", 100)
    assert len(read_annotations(source, no_log).object_id) == 6


def test_annotations_beyond_the_limit_are_refused(source, monkeypatch):
    size = (source / "objects.json").stat().st_size
    monkeypatch.setattr(source_files, "LARGEST_ANNOTATIONS", size - 1)
    with pytest.raises(UserError, match=rf"objects.json: {size} bytes; at most {size - 1} are expected"):
        read_annotations(source, no_log)


INDIVIDUALS = {
    "a field too many": (individuals("1,10,p1,p2,"), "individuals.csv, line 2: 5 fields; 4 are expected"),
    "an endless name": (
        individuals("", f"1,10,{'p' * 1001},"),
        "individuals.csv, line 3: a field of more than 1000",
    ),
    "the same object": (
        individuals("1,10,p1,", "", "01,010,p2,"),
        "line 4: image_id 1, object_id 10 is listed twice",
    ),
    "Latin-1": (
        content("individuals.csv", b"image_id\n\n\xe4"),
        "individuals.csv, line 3: not a text in UTF-8",
    ),
    "a link to nothing": (
        lambda source: (source / "individuals.csv").symlink_to(source / "absent"),
        "individuals.csv: there is no such file",
    ),
}


@pytest.mark.parametrize("name", INDIVIDUALS)
def test_individuals_are_read_strictly(source, name):
    harm, message = INDIVIDUALS[name]
    harm(source)
    with pytest.raises(UserError, match=message):
        read_individuals(source)


def image(form, size=(40, 30), **more):
    """Return the bytes of an image."""
    written = io.BytesIO()
    Image.new("RGB", size, (200, 30, 40)).save(written, form, **more)
    return written.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "MPO"])
def test_formats_of_photographs(tmp_path, form):
    pixels, note = decode_photograph(tmp_path / "a.jpg", image(form), (40, 30), 8)
    assert abs(pixels.astype(int) - (200, 30, 40)).max() <= 3
    assert note == ""


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\n%%EndComments\n(x) run\n"
PHOTOGRAPHS = {
    "EPS": (EPS, "none of JPEG, PNG, WEBP"),
    "BMP": (image("BMP"), "none of JPEG, PNG, WEBP"),
    "TIFF": (image("TIFF"), "none of JPEG, PNG, WEBP"),
    "GIF": (image("GIF"), "none of JPEG, PNG, WEBP"),
    "a bomb": (png(12_001, 10_000), "12001 x 10000 pixels; at most 120,000,000 are allowed"),
    "a bomb beyond Pillow's own limit": (png(40_000, 25_000), "1000000000 pixels"),
}


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_hostile_photograph_is_refused(source, tmp_path, name):
    data, message = PHOTOGRAPHS[name]
    photograph(data)(source)
    path = source / "images" / "VG_100K" / "2.png"
    with pytest.raises(BrokenPhotograph, match=f"2.png: .*{message}"):
        decode_photograph(path, read_file(path), (100, 80), 8)


def test_a_photograph_of_too_many_bytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(photographs, "LARGEST_PHOTOGRAPH", 99)
    (tmp_path / "a.jpg").write_bytes(bytes(100))
    with pytest.raises(BrokenPhotograph, match=r"a\.jpg: larger than 99 bytes"):
        read_file(tmp_path / "a.jpg")


class Hostile(BaseHTTPRequestHandler):
    """Leads elsewhere, or sends bytes without end."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):  # curl hangs up
            while True:
                self.wfile.write(bytes(1 << 16))


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def fetched(address, folder, **facts):
    facts = {"bytes": None, "sha256": None, "unpacked_bytes": 0} | facts
    fetch(Download("thing", "thing.txt", (address,), **facts), folder, no_log, first_pause=0.0)


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:9/file", "file:///etc/passwd", "ftp://127.0.0.1:9/file"]
)
def test_a_redirect_leads_to_https_alone(server, tmp_path, target):
    with pytest.raises(UserError, match=r"thing.txt could not be downloaded: .*[Pp]rotocol"):
        fetched(f"{server}/to/{target}", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [None, 300_000])
def test_a_download_without_end_is_cut_off(server, tmp_path, monkeypatch, size):
    monkeypatch.setattr(downloads, "LARGEST_DOWNLOAD", 300_000)
    with pytest.raises(UserError, match=r"thing.txt could not be downloaded: .* more than 300,000 bytes"):
        fetched(f"{server}/endless", tmp_path, bytes=size)
    assert not list(tmp_path.iterdir())


def archive(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as written:
        for name, content in members.items():
            written.writestr(name, content)
    return path


def lying(path):
    """Have an archive claim that its entry has ten bytes."""
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + offset
        data[at : at + 4] = (10).to_bytes(4, "little")
    path.write_bytes(data)
    return path


def encrypted(path):
    """Have an archive claim that its entry is encrypted."""
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    return path


ARCHIVES = {
    "a bomb": (
        lambda path: archive(path, {"a/1.jpg": bytes(10**6)}),
        "'a/1.jpg' .* 1,000,000 bytes; at most 1,000",
    ),
    "a bomb in pieces": (
        lambda path: archive(path, {f"a/{n}.jpg": bytes(400) for n in range(3)}),
        "2 other entries would take 1,200 bytes",
    ),
    "a bomb that lies": (
        lambda path: lying(archive(path, {"a/1.jpg": bytes(10**6)})),
        "not a whole zip archive",
    ),
    "an entry with a password": (
        lambda path: encrypted(archive(path, {"a/1.jpg": b"1"})),
        "password required",
    ),
    "too many entries": (
        lambda path: archive(path, {f"a/{n}": b"" for n in range(6)}),
        "6 entries; at most 5",
    ),
    "an endless name": (lambda path: archive(path, {f"a/{'x' * 300}": b""}), "a name of more than 255 bytes"),
    "a name that climbs out": (lambda path: archive(path, {"../1.jpg": b""}), "'../1.jpg' climbs out"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_hostile_archive_is_refused(tmp_path, monkeypatch, name):
    make, message = ARCHIVES[name]
    monkeypatch.setattr(archives, "MOST_ENTRIES", 5)
    with pytest.raises(UserError, match=message):
        unpack(make(tmp_path / "a.zip"), tmp_path / "images", 1000)
    assert sum(path.stat().st_size for path in (tmp_path / "images").rglob("*") if path.is_file()) <= 1000
