"""A figure on the page: its image, its vector file and the tables that it shows."""

import base64
import gzip
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from soulbench import figures
from soulbench.core.errors import UserError
from soulbench.core.paths import ResultPaths
from soulbench.report import photographs
from soulbench.report.captions import as_html
from soulbench.report.grids import GRIDS

#: Compressed vector files up to this size are in the page; others are beside it.
EMBEDDED = 100_000  # bytes
#: Images up to this size are in the page without losses; larger ones, which are mosaics, with small ones.
LOSSLESS = 800_000  # bytes
QUALITY = 85  # of WebP


def shown(
    config: Mapping[str, Any], paths: ResultPaths, figure: figures.Figure, caption: str
) -> dict[str, Any]:
    """Return what the page shows of a figure.

    Raises:
        UserError: the figure was not plotted.
    """
    path = Path(paths.figure(figure.name, "png"))
    if not path.is_file():
        raise UserError(f"{path}: there is no such figure; run the rule figure_{figure.name}")
    lossless = path.stat().st_size <= LOSSLESS
    with Image.open(path) as image:
        size, uri = image.size, _image(image, lossless)
    read = [Path(name) for name in figure.inputs(config, paths)]
    tables = dict.fromkeys(file.stem for file in read if file.parent == Path(paths.table()))
    on_page = {grid.name for grid in GRIDS}
    return {
        "name": figure.name,
        "title": figure.title,
        "uri": uri,
        "lossless": lossless,
        "size": size,
        "caption": as_html(caption),
        "vector": _vector(Path(paths.figure(figure.name, "svg"))),
        "tables": [{"name": name, "shown": name in on_page} for name in tables],
    }


def _image(image: Image.Image, lossless: bool) -> str:
    """Return an image as WebP in a data URI."""
    stream = io.BytesIO()
    image.convert("RGB").save(stream, "WEBP", lossless=lossless, quality=QUALITY, method=2)
    return photographs.data_uri(stream.getvalue(), "image/webp")


def _vector(path: Path) -> str:
    """Return a vector file as gzip in base64; empty if it is too large for the page."""
    if not path.is_file():
        return ""
    packed = gzip.compress(path.read_bytes(), mtime=0)
    return base64.b64encode(packed).decode() if len(packed) <= EMBEDDED else ""
