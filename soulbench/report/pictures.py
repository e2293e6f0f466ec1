"""Images in the page: what the models generated for each request, in the best form that fits."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from soulbench.core.paths import ResultPaths
from soulbench.core.terms import TASKS, TRUTH
from soulbench.figures._gallery import BenchmarkImages
from soulbench.report import shown_models
from soulbench.report.compact import compact_json

AROUND = 100  # bytes of the element in which the data stand


@dataclass(frozen=True)
class Form:
    """How images are written.

    Attributes:
        words: for a reader of the page; empty where nothing is lost.
        side: the most pixels per side of a tile; None: as many as the image has.
        quality: of WebP; None: lossless.
    """

    words: str
    side: int | None = None
    quality: int | None = None

    def encode(self, tiles: np.ndarray, side: int) -> str:
        """Return tiles uint8 [H, W, 3] with so many pixels per side as WebP in base64."""
        image, stream = Image.fromarray(tiles), io.BytesIO()
        if self.side is not None and self.side < side:
            scale = self.side / side
            size = round(image.width * scale), round(image.height * scale)
            image = image.resize(size, Image.Resampling.BOX)
        if self.quality is None:
            image.save(stream, "WEBP", lossless=True, method=2)
        else:
            image.save(stream, "WEBP", quality=self.quality, method=2)
        return base64.b64encode(stream.getvalue()).decode()


#: From the best to the smallest: the first that fits the page is taken.
FORMS = (
    Form(""),
    Form("compressed with small losses (WebP, quality 90)", quality=90),
    Form("compressed with losses (WebP, quality 75)", quality=75),
    Form("compressed with losses (WebP, quality 70), and at most 96 pixels a side", 96, 70),
    Form("compressed with losses (WebP, quality 50), and at most 64 pixels a side", 64, 50),
)


@dataclass(frozen=True)
class Sprites:
    """Images that the page shows together.

    Each is decoded on its own: a reader waits for the few that a view shows, and not for all.

    Attributes:
        name: of what they show, such as a request.
        side: pixels per side of a tile.
        facts: what the page's script has to know of them.
        images: uint8 [height, width, 3], each made of tiles.
    """

    name: str
    side: int
    facts: Mapping[str, Any]
    images: Sequence[np.ndarray]

    def written(self, form: Form) -> dict[str, Any]:
        """Return what stands in the page: their name, and their data as JSON."""
        side = min(self.side, form.side or self.side)
        images = [form.encode(image, self.side) for image in self.images]
        return {"name": self.name, "data": compact_json({"side": side, **self.facts, "images": images})}


def sprites(config: dict[str, Any], paths: ResultPaths) -> Iterator[Sprites]:
    """Yield each request's images: of its primary target's image, one for each model; the columns are the tasks."""
    images = BenchmarkImages(config, paths)
    for request in images.requests:
        target, _, _ = images.target(request)
        truth = images.truth(target)
        tiles = {TRUTH: [truth] * len(TASKS)}
        for name, run in shown_models.of_request(config, request).items():
            outputs = images.outputs_of(run)
            tiles[name] = [outputs[task][target] for task in TASKS]
        rows = [np.concatenate(row, axis=1) for row in tiles.values()]
        yield Sprites(request, len(truth), {"rows": list(tiles)}, rows)


def fitted(made: Sequence[Sprites], allowed: int, forms: Sequence[Form] = FORMS) -> dict[str, Any]:
    """Return the images in the best form that takes at most so many bytes on the page, with what was lost in words.

    If even the smallest form does not fit, as many as do are kept.

    Args:
        made: the images.
        allowed: bytes.
        forms: from the best to the smallest.

    Returns:
        `words` on what was lost, the names of those that are `missing`, `sprites` as written, and their `bytes`.
    """
    shown: list[dict[str, Any]] = []
    for form in forms:
        shown = [one.written(form) for one in made]
        if (size := sum(map(_size, shown))) <= allowed:
            return {"words": form.words, "missing": [], "sprites": shown, "bytes": size}
    kept, size = [], 0
    for item in shown:
        if size + _size(item) <= allowed:
            kept.append(item)
            size += _size(item)
    missing = [item["name"] for item in shown if item not in kept]
    return {"words": forms[-1].words, "missing": missing, "sprites": kept, "bytes": size}


def _size(written: Mapping[str, Any]) -> int:
    return len(written["data"].encode()) + AROUND
