"""Fixtures of several test files."""

import pytest
from trainer_factory import tiny

from soulbench.training import trainer


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The data of a tiny benchmark; no test changes it."""
    return tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def frequent_checks(monkeypatch):
    """Read the losses, and save the state, after every second step."""
    monkeypatch.setattr(trainer, "CHECK_EVERY", 2)
