"""The source code that a job can reach, and its hash, by which Snakemake notices that code has changed.

What counts is not the file but the statement: of a module that a job imports, only the functions, classes and constants
count that the job can reach by name, and what runs when the module is imported. So a new table, path or kind of plug-in
trains no model anew, and results that were made before it stay valid.
"""

import ast
import functools
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from soulbench.core.errors import UserError

#: The folder that holds the package: the root of a checkout, or the site-packages of an environment.
ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "soulbench"
DATA_SUFFIXES = (".csv", ".json", ".html", ".css", ".js", ".j2", ".rst", ".yaml")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
#: Besides assignments, the statements that do nothing but bind a name.
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)


class Name(NamedTuple):
    """Something that code refers to: a name at the top level of a module, or the whole module if `name` is None."""

    module: str
    name: str | None


#: What only words the message of an error: no result depends on it.
NO_RESULT = (Name(f"{PACKAGE}.core.paths", "rule_of"),)


class Statement(NamedTuple):
    """A statement at the top level of a module.

    Attributes:
        binds: the names that it defines; empty for one that runs when the module is imported and counts always.
        code: its code, without docstrings, comments and layout.
        uses: what it refers to.
    """

    binds: frozenset[str]
    code: str
    uses: frozenset[Name]


class Source(NamedTuple):
    """What is in a file.

    Attributes:
        imports: the modules of this package that it imports, at any depth of its code, and their packages.
        statements: at its top level, but for imports.
        aliases: what the names refer to that its imports at the top level bind.
    """

    imports: tuple[str, ...]
    statements: tuple[Statement, ...]
    aliases: dict[str, Name]


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


def _ours(module: str) -> bool:
    """Tell whether this is a module of this package, or a plug-in's file."""
    return (_is_path(module) or module.partition(".")[0] == PACKAGE) and _file(module) is not None


@functools.cache
def _source(module: str) -> Source:
    """Return what is in a module's file; read once for all entries that reach it."""
    path = _file(module)
    assert path is not None, module
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    _remove_docstring(tree)
    # Snakemake waits for this at each start, and walking the tree takes most of it, so it is walked once.
    nodes = [list(ast.walk(node)) for node in tree.body]
    everywhere = list(itertools.chain(*nodes))
    for node in everywhere:
        _remove_docstring(node)
    package = None
    if not _is_path(module):
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imports = [name for node in everywhere if isinstance(node, IMPORTS) for name in _imported(node, package)]
    aliases = dict(
        pair for node in tree.body if isinstance(node, IMPORTS) for pair in _aliases(node, package)
    )
    own = frozenset(name for node in tree.body for name in _bound(node))
    statements = tuple(
        Statement(
            frozenset(_bound(node)), ast.dump(node), frozenset(_uses(inside, module, package, own, aliases))
        )
        for node, inside in zip(tree.body, nodes, strict=True)
        if not isinstance(node, IMPORTS)
    )
    beside = _beside(path) if _is_path(module) else ()
    reached = [parent for name in (*beside, *imports) for parent in _with_parents(name) if _ours(parent)]
    return Source(tuple(dict.fromkeys(reached)), statements, aliases)


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement binds, if it does nothing else."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from (inner.id for inner in ast.walk(target) if isinstance(inner, ast.Name))
    elif isinstance(node, DEFINITIONS):
        yield node.name


def _base(node: ast.ImportFrom, package: str | None) -> str | None:
    """Return the dotted name of what an import is from; None for a relative one of a plug-in's file.

    All files beside a plug-in's file are there already.
    """
    if package is None and node.level:
        return None
    own = (package or "").split(".")
    parents = own[: len(own) - node.level + 1] if node.level else []
    return ".".join([*parents, *([node.module] if node.module else [])])


def _imported(node: ast.Import | ast.ImportFrom, package: str | None) -> Iterator[str]:
    """Yield the names that may be modules which an import runs."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif (base := _base(node, package)) is not None:
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _aliases(node: ast.Import | ast.ImportFrom, package: str | None) -> Iterator[tuple[str, Name]]:
    """Yield the names that an import binds, with what of this package they refer to."""
    base = None if isinstance(node, ast.Import) else _base(node, package)
    for alias in node.names:
        if isinstance(node, ast.Import):
            # Without `as`, the name is that of the outermost package, through which any part can be reached.
            referred = Name(alias.name, None)
            name = alias.asname or alias.name.partition(".")[0]
        elif base is not None:
            inner = f"{base}.{alias.name}"
            referred = (
                Name(inner, None) if _ours(inner) else Name(base, None if alias.name == "*" else alias.name)
            )
            name = alias.asname or alias.name
        else:
            continue
        if _ours(referred.module):
            yield name, referred


def _uses(
    nodes: Sequence[ast.AST],
    module: str,
    package: str | None,
    own: frozenset[str],
    aliases: dict[str, Name],
) -> Iterator[Name]:
    """Yield what a statement refers to, given its nodes.

    `module.name` of an imported module refers to that name, any other use of the module to all of it. A local variable
    of the same name as a global one counts as that one.
    """
    inner = [one for one in nodes if isinstance(one, IMPORTS)]
    known = {**aliases, **dict(pair for one in inner for pair in _aliases(one, package))}
    # What is imported inside a function is not looked for by name where it is no module: the import itself is a use.
    yield from (
        referred for one in inner for _, referred in _aliases(one, package) if referred.name is not None
    )
    through = set[int]()
    for one in nodes:
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name):
            referred = known.get(one.value.id)
            if referred is not None and referred.name is None and not _submodule(referred.module, one.attr):
                through.add(id(one.value))
                yield Name(referred.module, one.attr)
    for one in nodes:
        if isinstance(one, ast.Name) and id(one) not in through:
            if one.id in known:
                yield known[one.id]
            elif one.id in own:
                yield Name(module, one.id)


def _submodule(module: str, name: str) -> bool:
    return _ours(f"{module}.{name}")


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
    pending = [parent for entry in entries for parent in _with_parents(entry) if _ours(parent)]
    while pending:
        module = pending.pop()
        if module not in reached:
            reached.add(module)
            pending.extend(_source(module).imports)
    return tuple(sorted(reached))


@functools.cache
def reachable(*entries: str) -> dict[str, tuple[Statement, ...]]:
    """Return the statements that count of each module of the closure: those that the entries can reach by name.

    All of an entry counts, and all of a plug-in's files. Everywhere else a statement counts if it runs when the module
    is imported, or if a statement that counts uses a name that it binds.

    Raises:
        UserError: as `closure`.
    """
    modules = closure(*entries)
    counted: dict[str, set[int]] = {module: set() for module in modules}
    seen, pending = set(NO_RESULT), list[Name]()
    for module in modules:
        whole = module in entries or _is_path(module)
        pending += _reach(module, None, counted[module], always=not whole)
    while pending:
        used = pending.pop()
        if used in seen or used.module not in counted:
            continue
        seen.add(used)
        aliases = _source(used.module).aliases
        if used.name is None:
            pending += aliases.values()
        elif used.name in aliases:
            pending.append(aliases[used.name])
        pending += _reach(used.module, used.name, counted[used.module])
    return {
        module: tuple(one for index, one in enumerate(_source(module).statements) if index in counted[module])
        for module in modules
    }


def _reach(module: str, name: str | None, counted: set[int], always: bool = False) -> Iterator[Name]:
    """Count the statements of a module that bind a name, all for None, and yield what those use that did not count yet.

    With `always`, count only those that run when the module is imported.
    """
    for index, one in enumerate(_source(module).statements):
        wanted = not one.binds if always else name is None or name in one.binds
        if wanted and index not in counted:
            counted.add(index)
            yield from one.uses


def _remove_docstring(node: ast.AST) -> None:
    if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:]


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
    lines = [
        f"{Path(module).name if _is_path(module) else module} {one.code}"  # where a plug-in's file lies changes nothing
        for module, statements in reachable(*entries).items()
        for one in statements
    ]
    lines += [line for module in closure(*entries) if module != PACKAGE for line in _data_hashes(module)]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
