"""The short form of `make soak`: resends, malformed messages and kills, and every message has exactly its outcome."""

from pathlib import Path

import pytest

from bench.lines import Progress
from bench.soak import Told, soak
from tests.integration.world import ChainWorld


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_soak__two_thousand_messages_and_three_kills__every_message_has_its_outcome(
    chain: ChainWorld, tmp_path: Path
) -> None:
    told = Told(messages=2000, kills=3, lanes=8, ahead=1000, seed=5)
    with Progress() as progress:
        counted, stopped = soak(chain, tmp_path / "soak", told, progress)
    assert counted.differences == []
    assert counted.different == 0
    assert not stopped
    must = {what: number for what, number, _ in counted.rows}
    assert must["messages processed"] > 1900
    assert must["resends set aside as duplicates"] > 0
    assert must["malformed ones in quarantine"] > 0
