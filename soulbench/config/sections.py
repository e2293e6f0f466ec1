"""The sections of the configuration that one job receives."""

from collections.abc import Mapping
from typing import Any


def select(config: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return the part of the configuration under some keys (`seed`, `data.image_size`), in a fixed order.

    A job receives nothing else, so it cannot depend on a key whose change does not rerun it. `methods` brings `plugins`
    with it, without which their files are not found.
    """
    part: dict[str, Any] = {}
    if "methods" in keys and "plugins" in config:
        keys = (*keys, "plugins")
    for key in sorted(keys):
        *parents, last = key.split(".")
        source, target = config, part
        for parent in parents:
            source, target = source[parent], target.setdefault(parent, {})
        target[last] = _sorted(source[last])
    return part


def _sorted(value: Any) -> Any:
    """Return mappings in key order: an overlay may reorder them, which must not rerun a job."""
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, Mapping) else value
