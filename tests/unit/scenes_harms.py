"""Ways to break a folder with Visual Genome's file layout: each function returns a harm, which takes the folder."""

import json
import os
import struct
import zlib

PHOTOGRAPH = ("images", "VG_100K", "2.png")


def change(file, *path, value):
    """Return a harm that sets one value of a JSON file; `path` leads to it."""

    def harm(source):
        content = json.loads((source / file).read_text())
        parent = content
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = value
        (source / file).write_text(json.dumps(content))

    return harm


def text(file, old, new):
    """Return a harm that replaces the first appearance of some text."""

    def harm(source):
        whole = (source / file).read_text()
        assert old in whole
        (source / file).write_text(whole.replace(old, new, 1))

    return harm


def content(file, data):
    """Return a harm that gives a file another content."""
    return lambda source: (source / file).write_bytes(data)


def encoded(file, encoding, mark=b""):
    """Return a harm that stores a file in another encoding."""
    return lambda source: (source / file).write_bytes(mark + (source / file).read_text().encode(encoding))


def cut(file, left):
    """Return a harm that truncates a file to a share of its bytes."""
    return lambda source: os.truncate(source / file, int(left * (source / file).stat().st_size))


def folder(*path):
    """Return a harm that replaces a file by a folder."""

    def harm(source):
        source.joinpath(*path).unlink(missing_ok=True)
        source.joinpath(*path).mkdir()

    return harm


def loop(*path):
    """Return a harm that replaces a file by a symbolic link to itself."""

    def harm(source):
        source.joinpath(*path).unlink(missing_ok=True)
        source.joinpath(*path).symlink_to(source.joinpath(*path))

    return harm


def fifo(*path):
    """Return a harm that replaces a file by a named pipe, which nobody writes to."""

    def harm(source):
        source.joinpath(*path).unlink()
        os.mkfifo(source.joinpath(*path))

    return harm


def photograph(data):
    """Return a harm that gives a photograph another content."""
    return lambda source: source.joinpath(*PHOTOGRAPH).write_bytes(data)


def png(width, height):
    """Return a PNG that claims a size, with hardly any pixels in it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def individuals(*lines, header="image_id,object_id,individual,twin"):
    """Return a harm that adds an individuals.csv."""
    return content("individuals.csv", "\n".join([header, *lines]).encode())
