"""One consortium per test module; every test starts from the same chain state."""

import sys
from pathlib import Path

import pytest

# This suite runs in Brownie's environment, which knows nothing of the project's own import paths.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from world import World  # noqa: E402 (needs the path above)


@pytest.fixture(scope="module")
def deployed(module_isolation):
    """The plan deployed, nobody admitted."""
    return World()


@pytest.fixture(scope="module")
def consortium(deployed):
    """The whole cast admitted."""
    deployed.admit_all()
    return deployed


@pytest.fixture(autouse=True)
def isolation(fn_isolation):
    """Undo what a test does."""
