"""Photographs to pixels: decoded once, at reduced scale where the format allows it, whatever state they are in."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from soulbench.core.limits import LARGEST_PHOTOGRAPH, MOST_PIXELS, PHOTOGRAPH_FORMATS

# A photograph is decoded at reduced scale while both sides stay at least this many times the target.
REDUCTION = 2


class BrokenPhotograph(Exception):
    """A photograph that is missing or cannot be decoded; the message says which and why."""


def read_file(path: Path) -> bytes:
    """Read a photograph's file.

    Raises:
        BrokenPhotograph: it is missing, no file, or too large.
    """
    try:
        if not path.is_file():
            raise FileNotFoundError
        with path.open("rb") as file:
            data = file.read(LARGEST_PHOTOGRAPH + 1)
    except FileNotFoundError:
        raise BrokenPhotograph(f"{path}: missing") from None
    except OSError as error:
        raise BrokenPhotograph(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > LARGEST_PHOTOGRAPH:
        raise BrokenPhotograph(f"{path}: larger than {LARGEST_PHOTOGRAPH:,} bytes")
    return data


def decode_photograph(
    path: Path, data: bytes, annotated: tuple[int, int], side: int
) -> tuple[np.ndarray, str]:
    """Decode and resize a photograph to `side` x `side` pixels, bilinear, without keeping the aspect ratio.

    Grey, palette, CMYK, 16-bit and transparent images become RGB. A rotation in the EXIF data is applied
    only where the annotated size shows that the annotators worked on the rotated image.

    Args:
        path: the file, for messages.
        data: its bytes.
        annotated: width and height in `image_data.json`.
        side: pixels per side of the result.

    Returns:
        Pixels, uint8 [side, side, 3], and what was done besides resizing, in words ("" for nothing).

    Raises:
        BrokenPhotograph: no image in one of `PHOTOGRAPH_FORMATS`, cut short, or of too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=PHOTOGRAPH_FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:  # before anything is decoded
                raise ValueError(
                    f"{image.width} x {image.height} pixels; at most {MOST_PIXELS:,} are allowed"
                )
            return _resized(image, annotated, side)
    except MemoryError:
        raise
    except UnidentifiedImageError:
        raise BrokenPhotograph(f"{path}: broken, or none of {', '.join(PHOTOGRAPH_FORMATS)}") from None
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
