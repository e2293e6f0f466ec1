"""Photographs to pixels: decoded once, at reduced scale where the format allows it, whatever state they are in."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# A photograph is decoded at reduced scale while both sides stay at least this many times the target.
REDUCTION = 2


class BrokenPhotograph(Exception):
    """A photograph that is missing or cannot be decoded; the message says which and why."""


def read_photograph(path: Path, annotated: tuple[int, int], side: int) -> tuple[np.ndarray, str]:
    """Decode and resize a photograph to `side` x `side` pixels, bilinear, without keeping the aspect ratio.

    Grey, palette, CMYK, 16-bit and transparent images become RGB. A rotation in the EXIF data is applied
    only where the annotated size shows that the annotators worked on the rotated image.

    Args:
        path: the file.
        annotated: width and height in `image_data.json`.
        side: pixels per side of the result.

    Returns:
        Pixels, uint8 [side, side, 3], and what was done besides resizing, in words ("" for nothing).

    Raises:
        BrokenPhotograph: the file is missing, empty, cut short or no image.
    """
    try:
        if not path.is_file():
            raise FileNotFoundError
        with Image.open(path) as image:
            return _resized(image, annotated, side)
    except FileNotFoundError:
        raise BrokenPhotograph(f"{path}: missing") from None
    except MemoryError:
        raise
    except Exception as error:  # on damaged files, Pillow's decoders raise nearly every kind of exception
        raise BrokenPhotograph(f"{path}: broken ({error})") from None


def _resized(image: Image.Image, annotated: tuple[int, int], side: int) -> tuple[np.ndarray, str]:
    note = "" if image.mode == "RGB" else f"converted from {image.mode}"
    size = image.size
    image.draft("RGB", (REDUCTION * side, REDUCTION * side))
    image.load()
    upright = image
    if size != annotated:
        rotated = ImageOps.exif_transpose(image)
        swapped = size == annotated[::-1] and (rotated.width > rotated.height) != (size[0] > size[1])
        upright = rotated if swapped else image
        note = "turned by its EXIF data" if swapped else "of another size than annotated"
    return np.asarray(_rgb(upright).resize((side, side), Image.Resampling.BILINEAR)), note


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow clips 16-bit grey to white; its high byte is what a screen would show.
        values = np.asarray(image).astype(np.float64)
        return Image.fromarray((values / 257).clip(0, 255).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")
