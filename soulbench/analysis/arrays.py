"""A tidy frame as arrays [requests, seeds], so that methods can be compared request by request."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from soulbench.analysis.bootstrap import Bootstrap, Interval


def natural_order(text: str) -> tuple[list[Any], str]:
    """Return a sort key that puts r2 before r10; no two texts have the same, not even 7 and 07."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)], text


class RunArrays(dict[tuple, np.ndarray]):
    """Arrays [requests, seeds] by the values of the key columns, in the order of the frame.

    A combination of key values is a key only if something was measured for it. The array of any other combination
    is all NaN, as is an entry of an array for which there is no run.

    Attributes:
        requests: ids, in natural order: the first axis.
        seeds: the second axis.
    """

    def __init__(self, frame: pd.DataFrame, keys: Iterable[str], axes: pd.DataFrame | None = None):
        """Index a frame.

        Args:
            frame: columns `request`, `seed`, `value` and the key columns.
            keys: the key columns.
            axes: a frame whose requests and seeds are the axes; by default `frame` itself.
        """
        axes = frame if axes is None else axes
        self.requests = sorted(set(axes["request"]), key=natural_order)
        self.seeds = sorted(set(axes["seed"]))
        super().__init__(self._index(frame, list(keys)))

    def _index(self, frame: pd.DataFrame, keys: list[str]) -> dict[tuple, np.ndarray]:
        rows = pd.Index(self.requests).get_indexer(pd.Index(frame["request"]))
        columns = pd.Index(self.seeds).get_indexer(pd.Index(frame["seed"]))
        inside = (rows >= 0) & (columns >= 0)
        codes, groups = pd.MultiIndex.from_frame(frame[keys]).factorize()
        arrays = np.full((len(groups), len(self.requests), len(self.seeds)), np.nan)
        values = pd.to_numeric(frame["value"]).to_numpy(float)
        arrays[codes[inside], rows[inside], columns[inside]] = values[inside]
        arrays.flags.writeable = False
        pairs = zip(list(groups), arrays, strict=True)
        return {key: array for key, array in pairs if not np.isnan(array).all()}

    def __missing__(self, key: tuple) -> np.ndarray:
        """Return an array that is all NaN: nothing was measured."""
        return np.full((len(self.requests), len(self.seeds)), np.nan)


def intervals(
    config: dict[str, Any], frame: pd.DataFrame, keys: Iterable[str], axes: pd.DataFrame | None = None
) -> dict[tuple, Interval]:
    """Return mean and interval of every combination of key values for which something was measured."""
    bootstrap = Bootstrap.of(config)
    return {key: bootstrap.interval(array) for key, array in RunArrays(frame, keys, axes).items()}
