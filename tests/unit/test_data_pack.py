"""Packing: the arrays, and photographs in every state."""

import errno
import json

import numpy as np
import pytest
from PIL import Image
from scenes_factory import config, edge, entry, write_source
from scenes_steps import packing, vocabulary

from soulbench.core.errors import UserError
from soulbench.data.packed import PackedScenes
from soulbench.data.prepare import pack as module
from soulbench.data.prepare.photographs import BrokenPhotograph, decode_photograph, read_file


def read_photograph(path, *rest):
    return decode_photograph(path, read_file(path), *rest)


PEOPLE = {image: [entry(10 * image, "man"), entry(10 * image + 1, "dog")] for image in (1, 2, 3)}


@pytest.fixture
def source(tmp_path):
    return write_source(tmp_path / "source", PEOPLE, {1: [edge(10, "on", 11), edge(10, "ON", 11)]})


def packed(setting, source, data, log=lambda line: None):
    vocabulary(setting, source, data)
    packing(setting, source, data, log)
    return PackedScenes.open(data / "packed")


def photograph(source, image):
    return source / "images" / "VG_100K" / f"{image}.png"


def test_scenes(source, tmp_path):
    found = packed(config(), source, tmp_path)
    assert len(found) == 3
    assert found.image_ids.tolist() == [1, 2, 3]
    assert found.splits.tolist() == ["train"] * 3
    assert found.vocabulary.objects == ["__image__", "dog", "man"]
    scene = found.scene(found.find(2))
    assert scene.image_id == 2
    assert scene.first_row == 3
    assert scene.object_ids.tolist() == [20, 21, -1]
    assert scene.categories.tolist() == [2, 1, 0]
    assert scene.boxes[-1].tolist() == [0, 0, 1, 1]
    assert scene.boxes[0].tolist() == pytest.approx([0.1, 0.125, 0.5, 0.625])
    assert scene.triples.tolist() == [[0, 0, 2], [1, 0, 2]]
    assert found.scene(0).triples.tolist() == [[0, 1, 1], [0, 0, 2], [1, 0, 2]]
    assert scene.pixels.shape == (16, 16, 3)
    assert scene.pixels.dtype == np.uint8
    assert scene.pixels[3, 3].tolist() == [2, 100, 200]
    assert not scene.pixels.flags.writeable
    with pytest.raises(UserError, match="image 9 is not in the packed set of 3"):
        found.find(9)


def test_same_bytes_again(source, tmp_path):
    for name in "ab":
        packed(config(), source, tmp_path / name)
    for path in (tmp_path / "a" / "packed").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "packed" / path.name).read_bytes()


@pytest.mark.parametrize("harm", ["missing", "empty", "cut", "text"])
def test_bad_photographs_are_named_or_skipped(source, tmp_path, harm):
    path = photograph(source, 2)
    whole = path.read_bytes()
    path.unlink()
    if harm != "missing":
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "text": b"not found"}[harm])
    with pytest.raises(
        UserError, match=r"1 of 3 photographs (missing|broken): .*2\.png.*bad_photographs: skip"
    ):
        packed(config(), source, tmp_path)
    lines = []
    found = packed(config({"bad_photographs": "skip"}), source, tmp_path, lines.append)
    assert found.image_ids.tolist() == [1, 3]
    assert found.pixels[:, 0, 0, 0].tolist() == [1, 3]
    assert found.scene(1).object_ids.tolist() == [30, 31, -1]
    assert found.scene(1).triples.tolist() == [[0, 0, 2], [1, 0, 2]]
    assert found.facts["bad_photographs"] == ["images/VG_100K/2.png"]
    assert any("skipped 1 of 3" in line for line in lines)


def test_no_photograph_at_all(source, tmp_path):
    for image in PEOPLE:
        photograph(source, image).unlink()
    with pytest.raises(UserError, match="all 3 photographs are missing"):
        packed(config({"bad_photographs": "skip"}), source, tmp_path)


def test_only_broken_photographs(source, tmp_path):
    for image in PEOPLE:
        photograph(source, image).write_bytes(b"x")
    with pytest.raises(UserError, match="none of the 3 photographs can be read"):
        packed(config({"bad_photographs": "skip"}), source, tmp_path)


def test_interrupted_packing_resumes(source, tmp_path, monkeypatch):
    tried = []

    def killed(path, *rest):
        tried.append(path.name)
        if path.name == "2.png" and len(tried) <= 3:
            raise KeyboardInterrupt
        return decode_photograph(path, *rest)

    monkeypatch.setattr(module, "decode_photograph", killed)
    monkeypatch.setattr(module, "CHUNK", 1)
    with pytest.raises(KeyboardInterrupt):
        packed(config(), source, tmp_path)
    assert not (tmp_path / "packed").exists()
    tried.clear()
    tried.extend(["", "", ""])
    found = packed(config(), source, tmp_path)
    assert tried[3:] == ["2.png", "3.png"]
    assert found.pixels[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_work_of_another_size_is_not_resumed(source, tmp_path, monkeypatch):
    photograph(source, 3).write_bytes(b"x")
    with pytest.raises(UserError, match="broken"):
        packed(config(), source, tmp_path)
    found = packed(config({"image_size": 8, "bad_photographs": "skip"}), source, tmp_path)
    assert found.pixels.shape == (2, 8, 8, 3)


@pytest.mark.parametrize("harm", ["missing", "cut", "format", "unfinished"])
def test_packed_sets_that_are_not_whole(source, tmp_path, harm):
    packed(config(), source, tmp_path)
    folder = tmp_path / "packed"
    if harm == "missing":
        (folder / "boxes.npy").unlink()
    elif harm == "cut":
        (folder / "pixels.npy").write_bytes((folder / "pixels.npy").read_bytes()[:50])
    elif harm == "format":
        (folder / "packed.json").write_text(json.dumps({"format": 0}))
    else:
        (folder / "packed.json").unlink()
    with pytest.raises(UserError, match="packed"):
        PackedScenes.open(folder)


RED = (200, 30, 40)


@pytest.mark.parametrize(
    ("mode", "colour", "suffix", "expected", "note"),
    [
        ("RGB", RED, "png", RED, ""),
        ("L", 77, "jpg", (77, 77, 77), "converted from L"),
        ("L", 77, "png", (77, 77, 77), "converted from L"),
        ("CMYK", (0, 255, 255, 0), "jpg", (255, 0, 0), "converted from CMYK"),
        ("RGBA", (*RED, 255), "png", RED, "converted from RGBA"),
        ("I;16", 30_000, "png", (117, 117, 117), "converted from I;16"),
        ("1", 1, "png", (255, 255, 255), "converted from 1"),
    ],
)
def test_every_kind_of_photograph_becomes_rgb(tmp_path, mode, colour, suffix, expected, note):
    path = tmp_path / f"a.{suffix}"
    Image.new(mode, (40, 30), colour).save(path)
    pixels, found = read_photograph(path, (40, 30), 8)
    assert pixels.shape == (8, 8, 3)
    assert np.abs(pixels.astype(int) - expected).max() <= 3
    assert found == note


@pytest.mark.parametrize(("annotated", "turned"), [((30, 60), True), ((60, 30), False), ((600, 300), False)])
def test_exif_rotation_is_applied_where_the_annotated_size_is_the_rotated_one(tmp_path, annotated, turned):
    image = Image.new("RGB", (60, 30), (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 30, 30))  # left half white
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise: left becomes top
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    pixels, note = read_photograph(tmp_path / "a.jpg", annotated, 8)
    top, left = pixels[1, :, 0].mean(), pixels[:, 1, 0].mean()
    assert (top > 200 and left < 200) if turned else (left > 200 and top < 200)
    assert note == (
        "turned by its EXIF data"
        if turned
        else ""
        if annotated == (60, 30)
        else "of another size than annotated"
    )


def test_reduced_decoding_looks_like_full_decoding(tmp_path):
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    image = coarse.resize((500, 375), Image.Resampling.BICUBIC)
    image.save(tmp_path / "a.jpg", quality=92)
    pixels, _ = read_photograph(tmp_path / "a.jpg", (500, 375), 64)
    with Image.open(tmp_path / "a.jpg") as whole:
        full = np.asarray(whole.convert("RGB").resize((64, 64), Image.Resampling.BILINEAR))
    assert np.abs(pixels.astype(int) - full).mean() < 1.5


def test_broken_photographs_say_why(tmp_path):
    with pytest.raises(BrokenPhotograph, match=r"a\.jpg: missing"):
        read_photograph(tmp_path / "a.jpg", (4, 4), 8)
    (tmp_path / "b.jpg").write_bytes(b"")
    with pytest.raises(BrokenPhotograph, match=r"b\.jpg: broken"):
        read_photograph(tmp_path / "b.jpg", (4, 4), 8)


def test_a_full_disk_is_an_error_before_anything_is_decoded(source, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        packed(config(), source, tmp_path)
    monkeypatch.undo()
    assert len(packed(config(), source, tmp_path)) == 3
