"""Archives of results that are damaged, foreign or made to do damage: refused by name, and nothing is written."""

import json
import random
import stat
import zipfile
from pathlib import Path

import pytest

from soulbench.core import archives
from soulbench.core.errors import UserError
from soulbench.exchange import archive as results_archive
from soulbench.exchange.archive import MANIFEST
from soulbench.exchange.export import export
from soulbench.exchange.merge import merge
from tests.unit.exchange_factory import settings, write

SMALL = ("noop-ft",)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A whole archive, as bytes."""
    folder = tmp_path_factory.mktemp("good")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write(settings("there", SMALL))
        list(export(settings("there", SMALL), Path("there.zip"), False))
    return (folder / "there.zip").read_bytes()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to merge into."""
    monkeypatch.chdir(tmp_path)
    return settings("here", SMALL)


def outcome(config: dict, path: Path) -> str:
    """Merge an archive; return the message if it is refused."""
    try:
        list(merge(config, [path]))
    except UserError as error:
        return str(error)
    return ""


def written() -> list[str]:
    return [path.name for path in Path.cwd().rglob("*") if path.is_file() and path.suffix != ".zip"]


def repacked(good: bytes, path: Path, change) -> Path:
    """Write the archive's entries again after `change`, which gets them by name."""
    Path("good.zip").write_bytes(good)
    with zipfile.ZipFile("good.zip") as source:
        entries = {name: source.read(name) for name in source.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries.items():
            target.writestr(name, content)
    return path


def manifest(change):
    """Return a change of the manifest."""

    def changed(entries: dict) -> None:
        content = json.loads(entries[MANIFEST])
        change(content)
        entries[MANIFEST] = json.dumps(content).encode()

    return changed


RECORD = "records/noop-ft/r1/seed1/metrics.csv"
ENTRIES = {
    "a changed file": (lambda e: e.update({RECORD: e[RECORD] + b"\n"}), f"{RECORD} is not what was exported"),
    "a lost file": (lambda e: e.pop(RECORD), f"{RECORD} is in the manifest but not in the archive"),
    "a file more": (lambda e: e.update({"more.csv": b"1"}), "more.csv is not in its manifest"),
    "no manifest": (lambda e: e.pop(MANIFEST), f"no {MANIFEST}"),
    "an empty archive": (lambda e: e.clear(), f"no {MANIFEST}"),
    "a manifest that is none": (lambda e: e.update({MANIFEST: b"[1]"}), "manifest.json: Expected `object`"),
    "a manifest that is cut": (lambda e: e.update({MANIFEST: e[MANIFEST][:99]}), "manifest.json: Input data"),
    "a field more": (manifest(lambda m: m.update(more=1)), "unknown field `more`"),
    "digests that are none": (manifest(lambda m: m.update(files=7)), "Expected `object`, got `int`"),
    "a later format": (manifest(lambda m: m.update(format=2)), "format 2, 1 is expected"),
    "a name that climbs out": (lambda e: e.update({"../../out.csv": b"1"}), "climbs out of the folder"),
    "a name from the root": (lambda e: e.update({"/tmp/out.csv": b"1"}), "climbs out of the folder"),
    "a folder": (lambda e: e.update({"records/": b""}), "records/ is no regular file"),
    "a bomb": (
        lambda e: e.update({"records/bomb.csv": bytes(51_000_000)}),
        "records/bomb.csv would take 51,000,000 bytes; at most 50,000,000",
    ),
}


@pytest.mark.parametrize(("change", "message"), ENTRIES.values(), ids=ENTRIES)
def test_an_archive_of_another_content_is_refused(good, here, change, message):
    error = outcome(here, repacked(good, Path("bad.zip"), change))
    assert error.startswith("bad.zip: ")
    assert message in error
    assert written() == []


def test_a_listed_file_outside_the_plan_is_not_written(good, here):
    def change(entries: dict) -> None:
        entries["models/original/seed1.safetensors"] = b"weights"
        manifest(lambda m: m["files"].update({"models/original/seed1.safetensors": "0" * 64}))(entries)

    assert outcome(here, repacked(good, Path("a.zip"), change)).startswith("1 results were refused")
    assert "seed1.safetensors" not in written()
    assert "record.json" in written()


def test_a_link_is_refused(good, here):
    path = repacked(good, Path("a.zip"), lambda entries: None)
    link = zipfile.ZipInfo("records/link.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "records/link.csv is no regular file" in outcome(here, path)


def test_a_doubled_name_is_refused(good, here):
    path = repacked(good, Path("a.zip"), lambda entries: None)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(RECORD, "other")
    assert f"{RECORD} is there 2 times" in outcome(here, path)


def test_too_many_entries_are_refused(good, here, monkeypatch):
    monkeypatch.setattr(archives, "MOST_ENTRIES", 5)
    assert "entries; at most 5 are expected" in outcome(here, repacked(good, Path("a.zip"), lambda e: None))


def test_more_than_the_disk_holds_is_refused(good, here, monkeypatch):
    monkeypatch.setattr(results_archive.shutil, "disk_usage", lambda path: type("Usage", (), {"total": 1000}))
    assert "bytes; at most 1,000 are expected" in outcome(here, repacked(good, Path("a.zip"), lambda e: None))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_refused(good, here, share):
    Path("a.zip").write_bytes(good[: int(share * len(good))])
    assert "not a whole zip archive" in outcome(here, Path("a.zip"))
    assert written() == []


def test_an_error_of_what_is_done_with_an_archive_is_not_taken_for_damage(good, here, monkeypatch):
    def mistaken(*arguments):
        raise ValueError("a mistake of the program")

    monkeypatch.setattr("soulbench.exchange.merge.finished", mistaken)
    Path("a.zip").write_bytes(good)
    with pytest.raises(ValueError, match=r"^a mistake of the program$"):
        list(merge(here, [Path("a.zip")]))


def test_what_is_no_archive_is_refused(here):
    assert "there is no such file; an archive that `soulbench export` wrote" in outcome(
        here, Path("gone.zip")
    )
    Path("folder").mkdir()
    assert "not a file; an archive" in outcome(here, Path("folder"))


def test_a_flipped_bit_is_refused_or_changes_nothing(good, here):
    """Many bits do nothing: those of times, attributes and versions in Zip's headers."""
    rng, refused = random.Random(0), 0
    for _ in range(40):
        content = bytearray(good)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        Path("a.zip").write_bytes(content)
        if error := outcome(here, Path("a.zip")):
            refused += 1
            assert error.startswith("a.zip: ")
            assert "here, too" not in error
    assert refused > 20
