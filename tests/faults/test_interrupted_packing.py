"""A packing that was killed goes on; photographs that were replaced meanwhile are decoded again."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from soulbench.core.sources import ROOT

sys.path.append(str(ROOT / "tests" / "unit"))  # the factories

from scenes_factory import config, entry, write_source
from scenes_steps import packing, vocabulary

from soulbench.data.prepare import pack as module

IMAGES = range(1, 9)
KILLED_AT = 7  # the first six are in two whole chunks of three


@pytest.fixture
def source(tmp_path):
    """Eight images; the annotated size of the second is another than the photograph's, which is counted."""
    objects = {image: [entry(10 * image, "man"), entry(10 * image + 1, "dog")] for image in IMAGES}
    folder = write_source(tmp_path / "source", objects)
    Image.new("RGB", (60, 60), (2, 100, 200)).save(photograph(folder, 2))
    return folder


def photograph(source, image):
    return source / "images" / "VG_100K" / f"{image}.png"


def replace(path, colour, size=(100, 80)):
    """Replace a photograph by another with as many bytes and the same time of change."""
    before = path.stat()
    Image.new("RGB", size, colour).save(path)
    os.truncate(path, max(before.st_size, path.stat().st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def counted(monkeypatch):
    """Return a list of the photographs that are decoded from now on."""
    decoded = []
    decode = module.decode_photograph

    def counting(path, *rest):
        decoded.append(path.name)
        return decode(path, *rest)

    monkeypatch.setattr(module, "decode_photograph", counting)
    return decoded


def killed_packing(source, data, setting):
    """Pack in another process, which is killed at a photograph."""
    os.environ["OMP_NUM_THREADS"] = "1"
    module.CHUNK = 3
    decode = module.decode_photograph

    def kill(path, *rest):
        if path.name == f"{KILLED_AT}.png":
            os.kill(os.getpid(), signal.SIGKILL)
        return decode(path, *rest)

    module.decode_photograph = kill
    packing(setting, source, data)


def kill_while_packing(source, data, setting):
    process = multiprocessing.get_context("fork").Process(target=killed_packing, args=(source, data, setting))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (data / "packed").exists()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def interrupted(source, tmp_path):
    """A folder in which packing was killed, and its settings."""
    setting = config({"bad_photographs": "skip"})
    data = tmp_path / "data"
    vocabulary(setting, source, data)
    kill_while_packing(source, data, setting)
    return data, setting


def clean(source, data, setting):
    vocabulary(setting, source, data)
    packing(setting, source, data)
    return contents(data / "packed")


HARMS = {
    "nothing": (lambda path: None, []),
    "another photograph of as many bytes and the same time": (
        lambda path: replace(path, (9, 9, 9)),
        ["1.png"],
    ),
    "another photograph of another size": (
        lambda path: Image.new("RGB", (30, 30), (9, 9, 9)).save(path),
        ["1.png"],
    ),
    "the same photograph at another time": (lambda path: os.utime(path, (1, 1)), []),
    "no photograph": (lambda path: path.write_bytes(b"x"), ["1.png"]),
    "a missing one": (lambda path: path.unlink(), []),
}


@pytest.mark.parametrize("name", HARMS)
def test_packed_pixels_are_those_of_the_photographs(source, interrupted, tmp_path, monkeypatch, name):
    harm, decoded_again = HARMS[name]
    data, setting = interrupted
    harm(photograph(source, 1))
    decoded = counted(monkeypatch)
    packing(setting, source, data)
    assert sorted(decoded) == sorted([*decoded_again, "7.png", "8.png"])  # by several threads
    assert contents(data / "packed") == clean(source, tmp_path / "clean", setting)


def test_a_new_annotated_size_is_not_resumed(source, interrupted, tmp_path, monkeypatch):
    data, setting = interrupted
    text = (source / "image_data.json").read_text()
    (source / "image_data.json").write_text(text.replace('"width": 100', '"width": 90'))
    vocabulary(setting, source, data)
    packing(setting, source, data)
    assert contents(data / "packed") == clean(source, tmp_path / "clean", setting)


def test_another_decoder_is_not_resumed(source, interrupted, monkeypatch):
    data, setting = interrupted
    monkeypatch.setattr(module.PIL, "__version__", "another")
    decoded = counted(monkeypatch)
    packing(setting, source, data)
    assert len(decoded) == len(IMAGES)
    assert np.load(data / "packed" / "pixels.npy")[:, 0, 0, 0].tolist() == list(IMAGES)
