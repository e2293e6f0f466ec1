"""Downloads, from a local server that cuts, ignores ranges, sends wrong bytes, or has nothing."""

import hashlib
import io
import json
import shutil
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from scenes_factory import no_log

from soulbench.core.errors import UserError
from soulbench.data.prepare import download as module
from soulbench.data.prepare.download import FILES, Download, download, fetch, read_table, unpack

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
BODY = bytes(range(256)) * 800


class Server(ThreadingHTTPServer):
    """Serves `body` at any path; the first component of the path names what goes wrong."""

    daemon_threads = True

    def __init__(self, body):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.requests = body, []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def address(self, trouble):
        return f"http://127.0.0.1:{self.server_port}/{trouble}/file"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        trouble, body = self.path.split("/")[1], self.server.body
        requested = self.headers.get("Range")
        self.server.requests.append((trouble, requested))
        turn = sum(name == trouble for name, _ in self.server.requests)
        if trouble == "404" or (trouble == "503" and turn < 3):
            self.send_error(int(trouble))
            return
        if trouble == "wrong":
            body = b"?" * len(body)
        if trouble == "short":
            body = body[:1000]
        first = int(requested.split("=")[1].rstrip("-")) if requested and trouble != "norange" else 0
        if first >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - first))
        self.end_headers()
        cut = trouble in ("cut", "norange") and turn < 3
        self.wfile.write(body[first : first + 50_000] if cut else body[first:])
        self.close_connection = True


@pytest.fixture
def server():
    server = Server(BODY)
    yield server
    server.shutdown()
    server.server_close()


def wanted(*addresses, known=True, file="file.txt", body=BODY, **more):
    facts = (
        {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        if known
        else {"bytes": None, "sha256": None}
    )
    return Download(name="thing", file=file, addresses=addresses, **({"unpacked_bytes": 100} | facts | more))


def get(folder, one, log=no_log):
    fetch(one, folder, log, first_pause=0.01)


def test_a_whole_file_is_checked_and_noted(server, tmp_path):
    get(tmp_path, wanted(server.address("good")))
    assert (tmp_path / "file.txt").read_bytes() == BODY
    done = json.loads((tmp_path / "thing.done").read_text())
    assert done["bytes"] == len(BODY)
    assert done["checksum"] == "known"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.txt", "thing.done", "thing.sha256.json"]


def test_cut_connections_are_resumed(server, tmp_path):
    get(tmp_path, wanted(server.address("cut")))
    assert (tmp_path / "file.txt").read_bytes() == BODY
    assert [requested for _, requested in server.requests] == [None, "bytes=50000-", "bytes=100000-"]


def test_another_run_resumes_where_the_last_one_ended(server, tmp_path):
    (tmp_path / ".file.txt.part").write_bytes(BODY[:70_000])
    get(tmp_path, wanted(server.address("good")))
    assert (tmp_path / "file.txt").read_bytes() == BODY
    assert server.requests == [("good", "bytes=70000-")]


def test_a_server_that_ignores_ranges(server, tmp_path):
    get(tmp_path, wanted(server.address("norange")))
    assert (tmp_path / "file.txt").read_bytes() == BODY


def test_more_bytes_than_the_server_has_are_fetched_again(server, tmp_path):
    (tmp_path / ".file.txt.part").write_bytes(b"x" * (len(BODY) + 9))
    get(tmp_path, wanted(server.address("good"), known=False))
    assert (tmp_path / "file.txt").read_bytes() == BODY


def test_a_busy_server_is_tried_again(server, tmp_path):
    get(tmp_path, wanted(server.address("503")))
    assert [name for name, _ in server.requests] == ["503"] * 3


def test_the_mirror_is_used_when_the_first_address_fails(server, tmp_path):
    lines = []
    get(tmp_path, wanted(server.address("404"), server.address("good")), lines.append)
    assert [name for name, _ in server.requests] == ["404", "good"]
    assert any("404" in line for line in lines)
    assert json.loads((tmp_path / "thing.done").read_text())["address"].endswith("/good/file")


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [("404", "404"), ("wrong", "other bytes than expected"), ("short", r"1000 bytes instead of 204800")],
)
def test_a_wrong_file_is_never_accepted(server, tmp_path, trouble, reason):
    with pytest.raises(UserError, match=f"file.txt could not be downloaded: .*{reason}.*set data.root"):
        get(tmp_path, wanted(server.address(trouble)))
    assert not (tmp_path / "file.txt").exists()
    assert not (tmp_path / "thing.done").exists()


def test_nobody_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 2)
    with pytest.raises(UserError, match="could not be downloaded"):
        get(tmp_path, wanted("http://127.0.0.1:9/file"))


def test_an_unknown_checksum_is_recorded_and_checked_from_then_on(server, tmp_path):
    one = wanted(server.address("good"), known=False)
    get(tmp_path, one)
    assert json.loads((tmp_path / "thing.sha256.json").read_text())["checksum"] == "first use"
    get(tmp_path, one)
    server.body = BODY[::-1]
    with pytest.raises(UserError, match="other bytes than expected"):
        get(tmp_path, one)
    assert (tmp_path / "file.txt").read_bytes() == BODY


def test_an_empty_answer_is_no_file(server, tmp_path):
    server.body = b""
    with pytest.raises(UserError, match="could not be downloaded"):
        get(tmp_path, wanted(server.address("good"), known=False))


def test_no_room(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(UserError, match=r"file.txt: 0.0 GB are needed in .* but only 0.0 GB are free"):
        get(tmp_path, wanted(server.address("good")))
    assert not server.requests


def test_room_is_needed_for_all_missing_files(tmp_path, monkeypatch):
    monkeypatch.setattr(
        module.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(90, 70, 20_000_000_000)
    )
    fetched = []
    monkeypatch.setattr(module, "fetch", lambda one, *_: fetched.append(one.name))
    with pytest.raises(UserError, match=r"images.zip, images2.zip: 32\.\d GB are needed in .* only 20.0 GB"):
        download("splits", {}, tmp_path, no_log)
    (tmp_path / "images.done").touch()
    download("splits", {}, tmp_path, no_log)
    assert fetched == ["splits"]


def test_no_curl(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    with pytest.raises(UserError, match="curl is not installed"):
        get(tmp_path, wanted(server.address("good")))


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_annotations_are_unpacked_beside_it(server, tmp_path):
    server.body = zipped({"some/folder/objects.json": b"[1]"})
    get(tmp_path, wanted(server.address("good"), file="objects.json.zip", body=server.body))
    assert (tmp_path / "objects.json").read_bytes() == b"[1]"
    assert not list(tmp_path.glob(".*part"))


def test_photographs_are_unpacked_below_images(server, tmp_path):
    server.body = zipped({"VG_100K/1.jpg": b"a", "VG_100K/2.jpg": b"b"})
    get(tmp_path, wanted(server.address("good"), file="images.zip", body=server.body))
    assert (tmp_path / "images" / "VG_100K" / "2.jpg").read_bytes() == b"b"


def test_an_archive_without_the_file(server, tmp_path):
    server.body = zipped({"readme.txt": b"a"})
    with pytest.raises(UserError, match=r"objects.json is not in the archive, only readme.txt"):
        get(tmp_path, wanted(server.address("good"), file="objects.json.zip", body=server.body))


def test_an_archive_of_more_than_is_listed_is_refused(server, tmp_path):
    server.body = zipped({"objects.json": b"[" + b" " * 199})
    one = wanted(server.address("good"), file="objects.json.zip", body=server.body, unpacked_bytes=99)
    with pytest.raises(UserError, match=r"'objects.json' .* 200 bytes; at most 198 are expected"):
        get(tmp_path, one)
    assert not list(tmp_path.iterdir())


def harmed(content):
    """Return an archive one of whose bytes was changed behind its checksum."""
    body = bytearray(zipped({"objects.json": content}))
    position = body.index(content)
    body[position] ^= 1
    return bytes(body)


@pytest.mark.parametrize("body", [b"<html>moved</html>", harmed(b"[1, 2, 3]"), zipped({"readme.txt": b"a"})])
def test_the_checksum_of_a_broken_archive_is_not_recorded(server, tmp_path, body):
    server.body = body
    one = wanted(server.address("good"), known=False, file="objects.json.zip")
    with pytest.raises(UserError, match=r"not a whole zip archive|not in the archive"):
        get(tmp_path, one)
    assert not list(tmp_path.iterdir())
    server.body = zipped({"objects.json": b"[1]"})
    get(tmp_path, one)
    assert (tmp_path / "objects.json").read_bytes() == b"[1]"


@pytest.mark.parametrize("name", ["../out.jpg", "a/../../out.jpg", "/out.jpg", "C:\\out.jpg", "..\\out.jpg"])
def test_an_archive_that_climbs_out(tmp_path, name):
    (tmp_path / "a.zip").write_bytes(zipped({"VG_100K/1.jpg": b"a", name: b"b"}))
    with pytest.raises(UserError, match="climbs out of the folder"):
        unpack(tmp_path / "a.zip", tmp_path / "images", 100)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_no_archive(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"<html>moved</html>")
    with pytest.raises(UserError, match="not a whole zip archive"):
        unpack(tmp_path / "a.zip", tmp_path, 100)


def test_table():
    table = read_table()
    assert set(FILES) == {
        *("image_data", "objects", "attributes", "relationships", "object_alias", "relationship_alias"),
        *("splits", "images", "images2"),
    }
    assert table["images"].bytes == 9_731_705_982
    for one in table.values():
        assert one.sha256 is None or len(one.sha256) == 64
        assert all(address.startswith("https://") and address.endswith(one.file) for address in one.addresses)
    assert all(len(table[name].addresses) == 2 for name in FILES if not name.startswith("images"))


def test_unknown_download(tmp_path):
    with pytest.raises(UserError, match="there is no download 'imagse'; known are image_data, objects"):
        download("imagse", {}, tmp_path, no_log)
