"""A tidy frame seen as arrays [requests, seeds], so that methods pair request by request."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.statistics import Bootstrap, Interval


def natural(text: str) -> list[Any]:
    """Return a sort key under which r2 comes before r10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(text))]


class Cubes:
    """Arrays [requests, seeds] of a tidy frame, by the values of its key columns.

    Attributes:
        requests: ids, in natural order: the first axis.
        seeds: the second axis.
    """

    def __init__(self, frame: pd.DataFrame, keys: Iterable[str], axes: pd.DataFrame | None = None):
        """Index `frame` (columns request, seed, value and the keys).

        `axes` gives requests and seeds to line up with.
        """
        axes = frame if axes is None else axes
        self.requests = sorted({str(item) for item in axes["request"]}, key=natural)
        self.seeds = sorted(set(axes["seed"]))
        self._arrays = self._index(frame, list(keys))

    def _index(self, frame: pd.DataFrame, keys: list[str]) -> dict[tuple, np.ndarray]:
        rows = pd.Categorical(frame["request"].astype(str), categories=self.requests).codes
        columns = pd.Categorical(frame["seed"], categories=self.seeds).codes
        inside = (rows >= 0) & (columns >= 0)
        codes, groups = pd.MultiIndex.from_frame(frame[keys]).factorize()
        cube = np.full((len(groups), len(self.requests), len(self.seeds)), np.nan)
        values = pd.to_numeric(frame["value"]).to_numpy(float)
        cube[codes[inside], rows[inside], columns[inside]] = values[inside]
        return dict(zip(list(groups), cube, strict=True))

    def __contains__(self, key: tuple) -> bool:
        """Tell whether anything was measured under these key values."""
        return key in self._arrays and not np.isnan(self._arrays[key]).all()

    def __getitem__(self, key: tuple) -> np.ndarray:
        """Return the array [requests, seeds] of a key, NaN where nothing was measured."""
        empty = np.full((len(self.requests), len(self.seeds)), np.nan)
        return self._arrays.get(key, empty).copy()

    def __iter__(self) -> Iterator[tuple]:
        """Iterate over the measured keys, in the order of the frame."""
        return iter(self._arrays)


def intervals(
    config: dict[str, Any], frame: pd.DataFrame, keys: Iterable[str], axes: pd.DataFrame | None = None
) -> dict[tuple, Interval]:
    """Return the mean and interval of every combination of key values in a tidy frame."""
    cubes, bootstrap = Cubes(frame, keys, axes), Bootstrap.of(config)
    return {key: bootstrap.interval(cubes[key]) for key in cubes}
