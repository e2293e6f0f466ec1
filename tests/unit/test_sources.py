import json
import subprocess
import sys

import pytest

from soulbench.core import registry, sources
from soulbench.core.errors import UserError

ENTRIES = [
    ("soulbench.data.demo.dataset",),
    ("soulbench.data.requests.resolve",),
    ("soulbench.training.stages",),
    ("soulbench.evaluation.run",),
    ("soulbench.analysis.tables",),
    (
        "soulbench.config.checks",
        *(registry.source("methods", name).entry for name in registry.ids("methods")),
    ),
]


@pytest.mark.parametrize("entries", ENTRIES, ids=lambda entries: entries[0])
def test_the_closure_holds_every_module_that_is_imported(entries):
    code = (
        "import importlib, json, sys\n"
        f"[importlib.import_module(name) for name in {entries!r}]\n"
        "print(json.dumps([name for name in sys.modules if name.split('.')[0] == 'soulbench']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=sources.ROOT, capture_output=True, text=True, check=True
    )
    assert set(json.loads(done.stdout)) <= set(sources.closure(*entries))


def test_the_closure_holds_no_module_that_is_not_imported():
    assert "soulbench.models.generator" not in sources.closure("soulbench.data.demo.dataset")
    assert sources.closure("soulbench.core.seeds") == ("soulbench", "soulbench.core", "soulbench.core.seeds")


def test_a_missing_module_is_named():
    with pytest.raises(UserError, match=r"soulbench\.gone"):
        sources.closure("soulbench.gone")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a tiny package that replaces soulbench."""
    files = {
        "__init__.py": "",
        "a.py": '"""Doc."""\nfrom . import b\n\n\n'
        'def f():\n    """Doc."""\n    from soulbench.deep import c\n    return c.g()\n',
        "b.py": "X = 1\nUNUSED = 1\n",
        "deep/__init__.py": "",
        "deep/c.py": "from ..b import X\n\n\ndef g():\n    return X\n\n\ndef never():\n    return 0\n",
        "deep/page.html": "<p>",
        "other.py": "Y = 1\n",
    }
    for name, text in files.items():
        path = tmp_path / "soulbench" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    forget()
    yield tmp_path / "soulbench"
    monkeypatch.undo()
    forget()


def forget():
    for cached in (
        sources._file,
        sources._source,
        sources._data_hashes,
        sources.closure,
        sources.reachable,
        sources.source_hash,
    ):
        cached.cache_clear()


def test_relative_and_late_imports_are_followed(package):
    assert sources.closure("soulbench.a") == (
        "soulbench",
        "soulbench.a",
        "soulbench.b",
        "soulbench.deep",
        "soulbench.deep.c",
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "changes"),
    [
        ("b.py", "X = 1", "X = 2", True),
        ("deep/page.html", "<p>", "<div>", True),
        ("a.py", "Doc.", "Other words.", False),
        ("b.py", "X = 1", "X  =  1  # why", False),
        ("other.py", "Y = 1", "Y = 2", False),
        ("b.py", "UNUSED = 1", "UNUSED = 2", False),
        ("b.py", "UNUSED = 1", "UNUSED = 1\nprint(X)", True),
        ("deep/c.py", "return 0", "return 1", False),
        ("deep/c.py", "return X", "return X + 1", True),
        ("a.py", "def f", "def another():\n    return 1\n\n\ndef f", True),
    ],
)
def test_the_hash_sees_code_and_data_but_not_documentation(package, file, old, new, changes):
    before = sources.source_hash("soulbench.a")
    path = package / file
    path.write_text(path.read_text().replace(old, new))
    forget()
    assert (sources.source_hash("soulbench.a") != before) == changes


@pytest.mark.parametrize(
    ("use", "counts"),
    [
        ("b.X", False),
        ("b.UNUSED", True),
        ("getattr(b, 'UNUSED')", True),  # of a module that is passed on, anything may be used
        ("[late.UNUSED for late in [b]]", True),
    ],
)
def test_of_an_imported_module_the_names_count_that_are_used(package, use, counts):
    (package / "a.py").write_text(f"from soulbench import b\n\n\ndef f():\n    return {use}\n")
    forget()
    before = sources.source_hash("soulbench.a")
    path = package / "b.py"
    path.write_text(path.read_text().replace("UNUSED = 1", "UNUSED = 2"))
    forget()
    assert (sources.source_hash("soulbench.a") != before) == counts


def test_a_new_table_trains_no_model_anew():
    bound = {
        name
        for one in sources.reachable("soulbench.unlearning.run")["soulbench.core.columns"]
        for name in one.binds
    }
    assert not bound
