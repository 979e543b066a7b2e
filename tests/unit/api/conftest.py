"""One institution's API over complete fakes: chain, index, custodians and stores in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.api.world import ApiWorld


@pytest.fixture
def world() -> Iterator[ApiWorld]:
    made = ApiWorld()
    yield made
    made.close()
