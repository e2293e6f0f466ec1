"""What a plug-in's file declares, read without running the rest of it.

A method's file may import PyTorch, which takes seconds, and every start of the workflow asks every file for its
declarations. So only the statements are run that the wanted names depend on.
"""

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

from soulbench.core.errors import UserError
from soulbench.core.user_files import read_text

#: Bytes of a plug-in's file; a larger one is something else.
LARGEST = 1_000_000


def names(path: Path) -> frozenset[str]:
    """Return the names that a file defines at its top level."""
    return frozenset(name for node in _tree(path).body for name in _bound(node))


def docstring(path: Path) -> str:
    """Return a file's docstring; an empty text if it has none."""
    return ast.get_docstring(_tree(path)) or ""


def compiled(path: Path) -> CodeType:
    """Return the code of a file; nothing is written beside it."""
    return compile(_tree(path), str(path), "exec")


def values(path: Path, *wanted: str) -> dict[str, Any]:
    """Return the values of those of some names that a file defines at its top level.

    Args:
        path: the file.
        wanted: names.

    Raises:
        UserError: the file cannot be read or is no Python, or a statement that a name depends on fails.
    """
    chosen: list[ast.stmt] = []
    pending = set(wanted)
    # From the end, so that what a statement needs is found among those before it.
    for node in reversed(_tree(path).body):
        if pending & {*_bound(node)}:
            chosen.append(node)
            pending |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    namespace: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
    try:
        exec(compile(ast.Module(chosen[::-1], []), str(path), "exec"), namespace)
    except Exception as error:
        what = ", ".join(wanted)
        raise UserError(
            f"{path}: {what} cannot be read: {type(error).__name__}: {error}; they must be literal values, and a "
            "dataclass that needs no more than the standard library and soulbench.core"
        ) from None
    return {name: namespace[name] for name in wanted if name in namespace}


@functools.cache
def _tree(path: Path) -> ast.Module:
    text = read_text(
        path, "a file of Python with a method, a query, a metric, an attack or a figure is expected", LARGEST
    )
    try:
        return ast.parse(text, str(path))
    except SyntaxError as error:
        raise UserError(f"{path}, line {error.lineno}: not Python: {error.msg}") from None


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement at the top level of a file binds."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets: Iterable[ast.expr] = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from (inner.id for inner in ast.walk(target) if isinstance(inner, ast.Name))
