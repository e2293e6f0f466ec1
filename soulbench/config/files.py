"""Configuration files: read, and laid one over the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from soulbench.core.errors import UserError


def load(*paths: str | Path) -> dict[str, Any]:
    """Read configuration files; later ones change what earlier ones say, as `--configfile` does.

    Raises:
        UserError: a file is absent or no YAML mapping.
    """
    config: dict[str, Any] = {}
    for path in paths:
        try:
            read = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such configuration file") from None
        except yaml.YAMLError as error:
            raise UserError(f"{path}: not YAML: {error}") from None
        if not isinstance(read, dict):
            raise UserError(f"{path}: must be a mapping of keys, as config.yaml is")
        config = merge(config, read)
    return config


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `overlay`: mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged
