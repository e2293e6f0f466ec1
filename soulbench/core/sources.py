"""The source files that a job can reach, and their hash, by which Snakemake notices that code has changed."""

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

from soulbench.core.errors import UserError

#: The folder that holds the package: the root of a checkout, or the site-packages of an environment.
ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "soulbench"
DATA_SUFFIXES = (".csv", ".json", ".html", ".css", ".js", ".j2", ".rst", ".yaml")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@functools.cache
def _file(module: str) -> Path | None:
    """Return the file of a module by its dotted name; None if there is no such module in the package."""
    base = ROOT.joinpath(*module.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@functools.cache
def _code(module: str) -> tuple[tuple[str, ...], str]:
    """Return the names that a module imports, and the hash of its code; read once for all entries that reach it."""
    path = _file(module)
    assert path is not None, module
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imported = tuple(_imported_names(tree, package))
    return imported, hashlib.sha256(_without_docstrings(tree).encode()).hexdigest()


def _imported_names(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the names that a module of a package imports, inside functions too; relative names are resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


@functools.cache
def closure(*entries: str) -> tuple[str, ...]:
    """Return the modules of this package that the entry modules import, directly or indirectly, and the entries.

    The imports are read from the source, so imports inside functions count. A module that is imported by a
    computed name (a method of the registry) has to be an entry itself.

    Raises:
        UserError: an entry is no module of the package.
    """
    absent = [name for name in entries if _file(name) is None]
    if absent:
        raise UserError(f"there is no module {', '.join(absent)} under {ROOT}")
    reached: set[str] = set()
    pending = list(entries)
    while pending:
        for name in _with_parents(pending.pop()):
            if name.split(".")[0] == PACKAGE and name not in reached and _file(name):
                reached.add(name)
                pending.extend(_code(name)[0])
    return tuple(sorted(reached))


def _without_docstrings(tree: ast.Module) -> str:
    """Take the docstrings out of a syntax tree and return it as text, without comments and layout."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


@functools.cache
def _data_hashes(module: str) -> tuple[str, ...]:
    """Return one line for each data file in a package's folder and below it: templates, tables."""
    path = _file(module)
    if path is None or path.name != "__init__.py":
        return ()
    return tuple(
        f"{file.relative_to(path.parent)} {hashlib.sha256(file.read_bytes()).hexdigest()}"
        for file in sorted(path.parent.rglob("*"))
        if file.suffix in DATA_SUFFIXES
    )


@functools.cache
def source_hash(*entries: str) -> str:
    """Return a hash of all code that the entry modules reach, and of the data files in their packages.

    Docstrings, comments and layout do not change it.
    """
    modules = closure(*entries)
    lines = [f"{module} {_code(module)[1]}" for module in modules]
    lines += [line for module in modules if module != PACKAGE for line in _data_hashes(module)]
    text = "\n".join(lines)
    return hashlib.sha256(text.encode()).hexdigest()
