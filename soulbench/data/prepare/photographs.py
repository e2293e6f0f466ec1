"""Photographs to pixels: decoded once, at reduced scale where the format can, whatever state they are in."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# A photograph is decoded at reduced scale while both sides stay at least this many times the target.
REDUCTION = 2


class BrokenPhotograph(Exception):
    """A photograph that is missing or cannot be decoded; the message says which and why."""


def read_photograph(path: Path, annotated: tuple[int, int], side: int) -> tuple[np.ndarray, str]:
    """Decode and resize a photograph to `side` x `side` pixels, bilinear, without keeping the aspect.

    Grey, palette, CMYK, 16-bit and transparent pictures become RGB. A rotation in the EXIF data is applied
    only where the annotated size says that the annotators saw the picture rotated.

    Args:
        path: the file.
        annotated: width and height in `image_data.json`.
        side: pixels a side of the result.

    Returns:
        Pixels, uint8 [side, side, 3], and what had to be done beside resizing, in words ("" for nothing).

    Raises:
        BrokenPhotograph: the file is missing, empty, cut short or no picture.
    """
    try:
        with Image.open(path) as picture:
            note = "" if picture.mode == "RGB" else f"converted from {picture.mode}"
            size = picture.size
            picture.draft("RGB", (REDUCTION * side, REDUCTION * side))
            picture.load()
            upright: Image.Image = picture
            if size != annotated:
                turned = ImageOps.exif_transpose(picture)
                swapped = size == annotated[::-1] and (turned.width > turned.height) != (size[0] > size[1])
                upright, note = (
                    (turned, "turned by its EXIF data")
                    if swapped
                    else (picture, "of another size than annotated")
                )
            return np.asarray(_rgb(upright).resize((side, side), Image.Resampling.BILINEAR)), note
    except FileNotFoundError:
        raise BrokenPhotograph(f"{path}: missing") from None
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise BrokenPhotograph(f"{path}: broken ({error})") from None


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        # Pillow clips 16-bit grey to white; its high byte is what a screen would show.
        values = np.asarray(picture).astype(np.float64)
        return Image.fromarray((values / 257).clip(0, 255).astype(np.uint8)).convert("RGB")
    return picture.convert("RGB")
