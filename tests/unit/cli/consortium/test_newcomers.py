"""A member's node that runs elsewhere, as the nodes of this machine see it."""

from __future__ import annotations

from typing import Any

import pytest

from cli.commands.consortium import advice
from cli.consortium.newcomers import Seen, row_of
from salus.core.ids import ParticipantId
from salus.core.node import Seat

WHO, NODE, SEALER = ParticipantId(b"\xab" * 32), b"\x01" * 64, b"\x02" * 20
OTHER = b"\x03" * 64


def _row(validator: bytes | None, peers: list[set[bytes]], sealed: dict[bytes, int]) -> dict[str, Any]:
    return row_of(Seat(WHO, active=True, node_key=NODE, validator=validator), Seen(peers, sealed))


def test_row_of__connected_and_voted_in__is_well_with_what_it_sealed() -> None:
    assert _row(SEALER, [{NODE, OTHER}, {OTHER}, {NODE}], {SEALER: 12}) == {
        "part": "0xabababab…-node",
        "pid": None,
        "state": "well",
        "participant": "0x" + "ab" * 32,
        "peers": 2,
        "sealing": 12,
    }


def test_row_of__node_that_only_reads__is_well_without_sealing() -> None:
    found = _row(None, [{NODE}], {})
    assert (found["state"], "sealing" in found, "why" in found) == ("well", False, False)


@pytest.mark.parametrize(
    ("peers", "sealed", "why"),
    [
        ([set(), {OTHER}], {SEALER: 3}, "no node here has it as a peer"),
        ([], {SEALER: 3}, "no node here has it as a peer"),
        ([{NODE}], {b"\x04" * 20: 16}, "not voted in"),
    ],
)
def test_row_of__away_or_without_a_vote__says_why(peers: list[set[bytes]], sealed: dict[bytes, int], why: str) -> None:
    found = _row(SEALER, peers, sealed)
    assert found["state"] == "not ready"
    assert why in found["why"]


def test_advice__only_a_newcomer_is_unwell__names_no_log_that_is_not_here() -> None:
    newcomer = _row(SEALER, [], {})
    part = {"part": "watch", "pid": 1, "state": "not ready"}
    assert "logs/" not in advice([newcomer], 9)
    assert "logs/watch.log" in advice([newcomer, part], 9)
    assert "consortium up" in advice([{**part, "state": "dead"}], 1)
