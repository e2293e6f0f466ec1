"""What several files of tests are given."""

import pytest
from trainer_factory import tiny

from soulbench.training import trainer as loop


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The data of a tiny benchmark; nobody writes to it."""
    return tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def looks_often(monkeypatch):
    """Look at the losses, and save, every other step."""
    monkeypatch.setattr(loop, "CHECK_EVERY", 2)
