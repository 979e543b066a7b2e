"""Marks every test by its folder. Brownie and Ape load it too, so it imports pytest and the standard library only."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MARKED_FOLDERS = ("unit", "integration", "acceptance")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
        if folder in MARKED_FOLDERS:
            item.add_marker(folder)
