from pathlib import Path

import pytest
from snakemake_runs import Run, forked


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The planned run of the demo."""
    return forked(tmp_path_factory.mktemp("demo"), "--dry-run", "--", "all")


@pytest.fixture
def plan(tmp_path, request):
    """Return a function that plans a run of the project, given an overlay (text or file) and more arguments."""

    def planned(overlay: str | Path = "", *arguments: str) -> Run:
        if overlay == "" and not arguments:
            return request.getfixturevalue("demo")
        if isinstance(overlay, str):
            (tmp_path / "overlay.yaml").write_text(overlay or "name: demo")
            overlay = tmp_path / "overlay.yaml"
        return forked(tmp_path, "--dry-run", "--configfile", str(overlay), *arguments, "--", "all")

    return planned


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the smoke run first: it takes longest."""
    items.sort(key=lambda item: "test_smoke" not in item.nodeid)
