"""Unit tests reach no network: a socket, other than the pair an event loop wakes itself with, raises."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from pytest_socket import disable_socket, enable_socket

settings.register_profile("salus", deadline=None)
settings.load_profile("salus")


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
