"""The order of the folders (docs/architecture.md): each imports only from itself and from those before it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "soulbench"
ORDER = (
    "core",
    "config",
    "data",
    "models",
    "training",
    "unlearning",
    "queries",
    "evaluation",
    "metrics",
    "attacks",
    "analysis",
    "figures",
    "planning",
    "report",
    "exchange",
)


def imported_folders(path):
    """The folders of the package that a file imports from, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "soulbench" and parts[1] in ORDER:
                yield parts[1]


def test_every_folder_has_its_position():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == set(ORDER)


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_imports_only_from_those_before_it(folder):
    allowed = set(ORDER[: ORDER.index(folder) + 1])
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (PACKAGE / folder).rglob("*.py")
        for name in imported_folders(path)
        if name not in allowed
    }
    assert not wrong


def test_the_architecture_page_shows_every_folder_in_this_order():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    positions = [page.index(f"  {folder}/") for folder in ORDER]
    assert positions == sorted(positions)
