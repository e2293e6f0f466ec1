"""Delta E: the colour difference that people see, CIEDE2000 (Sharma et al., Color Research and Application 30, 2005).

About 1 is the least difference that an eye tells apart. Unlike grey levels, it weighs hue, chroma and lightness by
what people see.
"""

from dataclasses import dataclass

import numpy as np

NAME = "colour difference (CIEDE2000)"
UNIT = "delta E"
LEAST = 1.0


@dataclass(frozen=True)
class Parameters:
    """How much differences of lightness, chroma and hue are discounted."""

    lightness: float = 1.0
    chroma: float = 1.0
    hue: float = 1.0


def measure(
    images: np.ndarray, references: np.ndarray, counted: np.ndarray, parameters: Parameters
) -> np.ndarray:
    """Return the mean colour difference [N] of the counted pixels; the arguments are those of `soulbench.metrics`."""
    # Imported here: the file is also read where no image is.
    from skimage.color import deltaE_ciede2000, rgb2lab

    first, second = (rgb2lab(colours) for colours in (images, references))
    differences = deltaE_ciede2000(first, second, parameters.lightness, parameters.chroma, parameters.hue)
    mean: np.ndarray = np.nanmean(np.where(counted, differences, np.nan), axis=(1, 2))
    return mean
