"""Where plug-ins come from: the package's own folders, files anywhere, and installed packages."""

import functools
import importlib
import importlib.metadata
import importlib.util
import pkgutil
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from soulbench.core import declarations
from soulbench.core.errors import UserError
from soulbench.core.values import suggest

#: Names of the configuration's list of plug-ins; what a process knows of other files is what it is given.
Plugins = tuple[str, ...]
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Kind(NamedTuple):
    """A kind of plug-ins.

    Attributes:
        word: for one of them.
        package: whose files they are.
        mark: a name that files of this kind define, and no others.
    """

    word: str
    package: str
    mark: str


#: By the plural; also the ends of the groups of entry points: `soulbench.methods`.
KINDS = {
    "methods": Kind("method", "soulbench.unlearning.methods", "LEVEL"),
    "queries": Kind("query", "soulbench.queries", "rewrite"),
    "metrics": Kind("metric", "soulbench.metrics", "measure"),
    "attacks": Kind("attack", "soulbench.attacks", "attack"),
    "figures": Kind("figure", "soulbench.figures", "plot"),
}


class Source(NamedTuple):
    """Where a plug-in is.

    Attributes:
        path: its file.
        module: its dotted name; None for a file that is in no package.
        plugin: the entry of the configuration's `plugins` that it comes from; None for the package's own.
    """

    path: Path
    module: str | None
    plugin: str | None = None

    @property
    def entry(self) -> str:
        """What `soulbench.core.sources.source_hash` takes for it: a dotted name, or the path of a file."""
        return self.module if self.module is not None and self.plugin is None else str(self.path)

    def load(self) -> types.ModuleType:
        """Import the file, and no other plug-in."""
        return importlib.import_module(self.module) if self.module is not None else _loaded(self.path)


@functools.cache
def _loaded(path: Path) -> types.ModuleType:
    module = types.ModuleType(f"soulbench_plugin_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look up the module of a class
    exec(declarations.compiled(path), module.__dict__)
    return module


@functools.cache
def own(kind: str) -> dict[str, Source]:
    """Return the package's own plug-ins of a kind by id: file names, underscores as dashes, sorted."""
    package = importlib.import_module(KINDS[kind].package)
    found = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        if not info.name.startswith("_"):
            path = Path(info.module_finder.path, f"{info.name}.py")  # type: ignore[union-attr]
            found[info.name.replace("_", "-")] = Source(path, f"{KINDS[kind].package}.{info.name}")
    return dict(sorted(found.items()))


@functools.cache
def found(kind: str, plugins: Plugins = ()) -> dict[str, Source]:
    """Return all plug-ins of a kind by id, sorted.

    Raises:
        UserError: an entry of `plugins` is neither a file nor an installed package with plug-ins, a file is of no
            kind, or a name is taken twice.
    """
    sources = dict(own(kind))
    for plugin in plugins:
        for its_kind, name, source in _of(plugin):
            if its_kind != kind:
                continue
            if name in sources:
                raise UserError(
                    f"plugins: {source.path}: there is a {KINDS[kind].word} {name} already "
                    f"({sources[name].path}); give the file another name"
                )
            sources[name] = source
    return dict(sorted(sources.items()))


@functools.cache
def _of(plugin: str) -> tuple[tuple[str, str, Source], ...]:
    """Return kind, id and source of everything that an entry of `plugins` brings."""
    if plugin.endswith(".py"):
        path = Path(plugin)
        return ((_kind(path), _checked_id(path.stem.replace("_", "-"), path), Source(path, None, plugin)),)
    return tuple(_installed(plugin))


def _kind(path: Path) -> str:
    """Return the kind of a file, by what it defines."""
    defined = declarations.names(path)
    kinds = [name for name, kind in KINDS.items() if kind.mark in defined]
    if len(kinds) != 1:
        marks = ", ".join(f"{kind.mark} ({kind.word})" for kind in KINDS.values())
        what = "more than one kind" if kinds else "no method, query, metric, attack or figure"
        raise UserError(
            f"plugins: {path}: {what}: it must define one of {marks} (docs/add-a-method.md; "
            "`soulbench new-method NAME` writes a method to begin with)"
        )
    return kinds[0]


def _checked_id(name: str, path: Path) -> str:
    if ID.fullmatch(name) is None or len(name) > 64:
        raise UserError(
            f"plugins: {path}: its name must be made of lower-case letters, digits and single underscores"
        )
    return name


def _installed(plugin: str) -> Iterator[tuple[str, str, Source]]:
    """Yield the entry points of an installed package."""
    try:
        points = importlib.metadata.distribution(plugin).entry_points
    except (importlib.metadata.PackageNotFoundError, ValueError):
        packages = {one.name for one in importlib.metadata.distributions() if one.name}
        raise UserError(
            f"plugins: {plugin!r} is neither a file (*.py) nor an installed package{suggest(plugin, packages)}"
        ) from None
    groups = {f"soulbench.{kind}": kind for kind in KINDS}
    brought = [point for point in points if point.group in groups]
    if not brought:
        raise UserError(
            f"plugins: the package {plugin} has no entry points; allowed: a package with the group "
            f"{', '.join(groups)} (docs/add-a-method.md)"
        )
    for point in brought:
        spec = importlib.util.find_spec(point.module)
        if spec is None or spec.origin is None:
            raise UserError(
                f"plugins: the package {plugin} names the module {point.module}, which is not there"
            )
        path = Path(spec.origin)
        yield groups[point.group], _checked_id(point.name, path), Source(path, point.module, plugin)


def bringing(plugins: Plugins, kind: str, names: list[str]) -> list[str]:
    """Return the entries of `plugins` without which some of the plug-ins of a kind would not be there."""
    sources = found(kind, plugins)
    wanted = [sources[name].plugin for name in names if name in sources]
    return [plugin for plugin in plugins if plugin in wanted]


def forget() -> None:
    """Look at all files anew."""
    for cached in (own, found, _of, _loaded, declarations._tree):
        cached.cache_clear()
