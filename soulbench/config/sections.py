"""The part of the configuration that one job is given."""

from collections.abc import Mapping
from typing import Any


def select(config: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return the part of the configuration under some keys (`seed`, `data.image_size`), in a fixed order.

    It is all that a job is given: what it lacks cannot matter to it, and what matters cannot be missed.
    """
    part: dict[str, Any] = {}
    for key in sorted(keys):
        *parents, last = key.split(".")
        source, target = config, part
        for parent in parents:
            source, target = source[parent], target.setdefault(parent, {})
        target[last] = _sorted(source[last])
    return part


def _sorted(value: Any) -> Any:
    """Return mappings in key order: an overlay may reorder them, which is no change."""
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, Mapping) else value
