"""Registries by proof: a state that no contract of ours can have is a lie and no fault of ours."""

from __future__ import annotations

import pytest

from salus.adapters.chain.proofs import ProvenState
from salus.adapters.chain.proven import GATEWAY, ProvenReader
from salus.adapters.chain.trusted import TrustedChain
from salus.core.errors import NodeError
from salus.core.ids import AccessId, role_id, to_address
from salus.core.slots.layout import LAYOUT, member
from tests.unit.adapters.chain.sealed_node import ENGINE, SealedNode, start

COUNCIL, AT = to_address(b"\xc0" * 20), to_address(b"\xa1" * 20)
ACCESS = AccessId(b"\x05" * 32)


def reader_of(word: int, past: int = 0) -> ProvenReader:
    """A reader whose newest block has this word for the access, and a list of so many former gateways."""
    places = LAYOUT["Council"]
    directory = {member(places["_current"].slot, role_id(GATEWAY)): int(AT, 16)}
    if past:
        directory[member(places["_past"].slot, role_id(GATEWAY))] = past
    node = SealedNode()
    node.seal(None, state={COUNCIL: directory, AT: {member(LAYOUT[GATEWAY]["slotOf"].slot, ACCESS): word}})
    rpc = node.rpc()
    trusted = TrustedChain(rpc, ENGINE, start(), lambda _: None)
    return ProvenReader(trusted, ProvenState(rpc, trusted.state_root), COUNCIL, 31337, lambda *_: [])


def test_access__word_as_the_gateway_writes_it__is_read() -> None:
    reader = reader_of(1 | 99 << 16 | 1 << 80 | 50 << 96)
    found = reader.access(ACCESS, reader.head())
    assert (found.code, found.expires_at, found.recorded_at) == (1, 99, 50)


def test_access__kind_there_is_not__is_not_believed() -> None:
    reader = reader_of(1 | 0x77 << 80)
    with pytest.raises(NodeError, match="no contract of Salus writes"):
        reader.access(ACCESS, reader.head())


def test_gateways__as_many_as_there_are_words__is_not_believed() -> None:
    reader = reader_of(1, past=(1 << 256) - 1)
    with pytest.raises(NodeError, match="more words than any read"):
        reader.gateways(reader.head())
