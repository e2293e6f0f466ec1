"""Configuration files: read strictly, and laid one over the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from soulbench.core.errors import UserError

#: A configuration is some hundred lines; a larger file is something else.
MOST_BYTES = 1_000_000
TEXT, MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


class _Refused(yaml.MarkedYAMLError):
    """What YAML permits, but a configuration does not."""


class _Loader(yaml.SafeLoader):
    """YAML without what would be lost or looped over silently: doubled keys, keys that are no text, tags, recursion."""

    def __init__(self, text: str):
        super().__init__(text)
        self.open_anchors: list[str] = []

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            if anchor in self.open_anchors:
                raise _refused(event, f"the alias *{anchor} stands within the value that it repeats")
            return super().compose_node(parent, index)
        if getattr(event, "tag", None) is not None:
            raise _refused(event, f"the tag {event.tag} is not allowed; allowed: plain values")
        self.open_anchors.append(anchor or "")
        node = super().compose_node(parent, index)
        self.open_anchors.pop()
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys: set[str] = set()
        for key, _ in node.value:
            if key.tag == MERGE:
                continue
            if key.tag != TEXT:
                raise _refused(key, f"the key {_key_text(key)} is not text; allowed: text{_quoted(key)}")
            if key.value in keys:
                raise _refused(key, f"the key {key.value} is written twice in one mapping; allowed: once")
            keys.add(key.value)
        return node


def _refused(where: Any, text: str) -> _Refused:
    return _Refused(problem=text, problem_mark=where.start_mark)


def _key_text(key: yaml.Node) -> str:
    return f"`{key.value}`" if isinstance(key, yaml.ScalarNode) else "that is a list or a mapping"


def _quoted(key: yaml.Node) -> str:
    return f', in quotes if it is meant ("{key.value}")' if isinstance(key, yaml.ScalarNode) else ""


def load(*paths: str | Path) -> dict[str, Any]:
    """Read configuration files; later ones change what earlier ones contain, as `--configfile` does.

    Raises:
        UserError: a file is absent or is no YAML mapping, or a key in it is no text or is written twice.
    """
    config: dict[str, Any] = {}
    for path in paths:
        config = merge(config, _read(Path(path)))
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        content = _parse(path)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such configuration file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder; a YAML file is expected") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8 text; save it as UTF-8 (a YAML file is expected)") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        reason = "" if isinstance(error, _Refused) else "not YAML: "
        raise UserError(f"{path}{line}: {reason}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{path}: not YAML: {error}") from None
    except RecursionError:
        raise UserError(f"{path}: not a configuration: nested too deeply") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: must be a mapping of keys, as config.yaml is")
    return content


def _parse(path: Path) -> Any:
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES:,} bytes")
    # Instantiated directly: `yaml.load` is for whoever does not know that this loader is a safe one.
    loader = _Loader(content.decode("utf-8-sig"))
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `overlay`: mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged
