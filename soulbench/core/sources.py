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


def _is_path(entry: str) -> bool:
    return entry.endswith(".py")


@functools.cache
def _file(module: str) -> Path | None:
    """Return the file of a module by its dotted name, or by its path; None if there is no such module or file."""
    if _is_path(module):
        return Path(module) if Path(module).is_file() else None
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
    beside = tuple(_beside(path)) if _is_path(module) else ()
    imported = (*beside, *_imported_names(tree, None if _is_path(module) else package))
    return imported, hashlib.sha256(_without_docstrings(tree).encode()).hexdigest()


def _imported_names(tree: ast.Module, package: str | None) -> Iterator[str]:
    """Yield the names that a module of a package imports, inside functions too; relative names are resolved.

    Without a package, as for a plug-in's file, relative names are left out: all files beside it are there already.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not (package is None and node.level):
            own = (package or "").split(".")
            parents = own[: len(own) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _beside(path: Path) -> Iterator[str]:
    """Yield the paths of all files of the package that a plug-in's file is in; none if it is in no package."""
    root = package_of(path)
    if root is not None:
        yield from map(str, sorted(root.rglob("*.py")))


def package_of(path: Path) -> Path | None:
    """Return the folder of the outermost package that a file is in; None if it is in none."""
    root = path.parent
    if not (root / "__init__.py").is_file():
        return None
    while (root.parent / "__init__.py").is_file():
        root = root.parent
    return root


def _with_parents(name: str) -> list[str]:
    if _is_path(name):
        return [name]
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


@functools.cache
def closure(*entries: str) -> tuple[str, ...]:
    """Return the modules of this package that the entry modules import, directly or indirectly, and the entries.

    An entry is a dotted name of this package, or the path of a plug-in's file; if that is in a package, all files of
    that package count.

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
            ours = _is_path(name) or name.split(".")[0] == PACKAGE
            if ours and name not in reached and _file(name):
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
    # Of a path the name: where a plug-in's file lies changes no result.
    lines = [f"{Path(one).name if _is_path(one) else one} {_code(one)[1]}" for one in modules]
    lines += [line for module in modules if module != PACKAGE for line in _data_hashes(module)]
    text = "\n".join(sorted(lines))
    return hashlib.sha256(text.encode()).hexdigest()
