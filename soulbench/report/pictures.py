"""The images that the page compares: for each request one sprite, whose tiles are the models' outputs of its image."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from soulbench.core.paths import ResultPaths
from soulbench.core.terms import TASKS
from soulbench.figures._gallery import BenchmarkImages
from soulbench.report import shown_models
from soulbench.report.photographs import data_uri

TRUTH = "truth"


@dataclass(frozen=True)
class Form:
    """How sprites are written.

    Attributes:
        words: for a reader of the page; empty where nothing is lost.
        side: the most pixels per side of a tile; None: as many as the image has.
        quality: of WebP; None: lossless.
    """

    words: str
    side: int | None = None
    quality: int | None = None

    def encode(self, sprite: np.ndarray, side: int) -> bytes:
        """Return a sprite uint8 [H, W, 3] of tiles with so many pixels per side as WebP."""
        image, stream = Image.fromarray(sprite), io.BytesIO()
        if self.side is not None and self.side < side:
            scale = self.side / side
            size = round(image.width * scale), round(image.height * scale)
            image = image.resize(size, Image.Resampling.BOX)
        if self.quality is None:
            image.save(stream, "WEBP", lossless=True, method=2)
        else:
            image.save(stream, "WEBP", quality=self.quality, method=2)
        return stream.getvalue()


#: From the best to the smallest: the first that fits the page is taken.
FORMS = (
    Form(""),
    Form("compressed with small losses (WebP, quality 90)", quality=90),
    Form("compressed with losses (WebP, quality 75)", quality=75),
    Form("compressed with losses (WebP, quality 70), and at most 96 pixels a side", 96, 70),
    Form("compressed with losses (WebP, quality 50), and at most 64 pixels a side", 64, 50),
)


@dataclass(frozen=True)
class Sprite:
    """The tiles of a request.

    Attributes:
        request: its id.
        rows: the name of each row: `truth`, `retrained`, methods. The columns are the tasks.
        pixels: uint8 [rows x side, tasks x side, 3].
    """

    request: str
    rows: list[str]
    pixels: np.ndarray


def sprites(config: dict[str, Any], paths: ResultPaths) -> Iterator[Sprite]:
    """Yield one sprite for each request, of the image of its primary target."""
    images = BenchmarkImages(config, paths)
    for request in images.requests:
        target, _, _ = images.target(request)
        truth = images.truth(target)
        tiles = {TRUTH: [truth] * len(TASKS)}
        for name, run in shown_models.of_request(config, request).items():
            outputs = images.outputs_of(run)
            tiles[name] = [outputs[task][target] for task in TASKS]
        rows = [np.concatenate(row, axis=1) for row in tiles.values()]
        yield Sprite(request, list(tiles), np.concatenate(rows))


def fitted(made: list[Sprite], allowed: int) -> dict[str, Any]:
    """Return the sprites in the best form that takes at most so many bytes on the page, with what was lost in words.

    If even the smallest form does not fit, as many requests as do are kept.
    """
    shown: list[dict[str, Any]] = []
    for form in FORMS:
        shown = [_shown(sprite, form) for sprite in made]
        if sum(len(item["uri"]) for item in shown) <= allowed:
            return {"words": form.words, "missing": [], "sprites": shown}
    kept, size = [], 0
    for item in shown:
        size += len(item["uri"])
        kept += [item] if size <= allowed else []
    names = {item["request"] for item in kept}
    missing = [sprite.request for sprite in made if sprite.request not in names]
    return {"words": FORMS[-1].words, "missing": missing, "sprites": kept}


def _shown(sprite: Sprite, form: Form) -> dict[str, Any]:
    side = sprite.pixels.shape[1] // len(TASKS)
    uri = data_uri(form.encode(sprite.pixels, side), "image/webp")
    return {"request": sprite.request, "rows": sprite.rows, "side": min(side, form.side or side), "uri": uri}
