"""Real data lies beside the project; without it these tests are skipped."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
sys.path.insert(0, str(ROOT / "tests" / "unit"))  # the factories


@pytest.fixture(scope="session")
def shared():
    """The folder with data and weights."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not there")
    return SHARED
