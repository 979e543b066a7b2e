"""Finality: which block can no longer be undone, per engine.

| rule | a block is final | trust |
| --- | --- | --- |
| DevFinality | at once | a development chain; nothing proves it |
| QbftFinality | at once | the engine commits before it seals; the commit seals are not checked here |
| CliqueFinality | once more than half of the signers have sealed on top, beyond what the others weigh | crash faults |

Source: EIP-225 (Clique).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from salus.core.consensus import Clique
from salus.core.consensus.clique import is_settled
from salus.core.errors import SetupError
from salus.core.header import Header as BlockHeader
from salus.core.ids import Address, to_address
from salus.core.state import BlockStamp

Header = Mapping[str, Any]
"""A block as `eth_getBlockByNumber` answers it, without transactions."""
HeaderOf = Callable[[bytes], Header]
"""Header by block hash."""


class FinalityRule(Protocol):
    """One engine's rule."""

    @property
    def proven(self) -> bool:
        """Whether finality can be shown to somebody who does not trust this node."""
        ...

    def final(self, head: Header, header_of: HeaderOf) -> Header:
        """Newest final block at or below a head."""
        ...


@dataclass(frozen=True, slots=True)
class DevFinality:
    """A development chain: every block is taken as final."""

    proven: bool = False

    def final(self, head: Header, header_of: HeaderOf) -> Header:
        """The head."""
        del header_of
        return head


@dataclass(frozen=True, slots=True)
class QbftFinality:
    """QBFT: a block the node has is committed by two thirds of the validators.

    `proven` stays False as long as the commit seals are not checked.
    """

    proven: bool = False

    def final(self, head: Header, header_of: HeaderOf) -> Header:
        """The head."""
        del header_of
        return head


@dataclass(frozen=True, slots=True)
class CliqueFinality:
    """Clique with a number of signers: final once distinct ones have settled it (`salus.core.consensus.clique`).

    Signers are recovered from the seals, so the node cannot count one signer twice.
    """

    signers: int
    proven: bool = False

    def final(self, head: Header, header_of: HeaderOf) -> Header:
        """Newest block with enough seals on top; the genesis block while there is none.

        Raises:
            IntegrityError: a header carries no valid seal.
        """
        sealed: set[Address] = set()
        weight = 0
        at = head
        while stamp_of(at).number > 0:
            weight += int(at["difficulty"], 16)
            if is_settled(len(sealed), weight, self.signers):
                break
            sealed.add(clique_signer(at))
            at = header_of(_raw(at["parentHash"]))
        return at


def clique_signer(header: Header) -> Address:
    """Who sealed a Clique block, recovered from its seal (EIP-225).

    Raises:
        IntegrityError: a field is malformed, or there is no valid seal.
    """
    return to_address(Clique().sealer(BlockHeader.from_json(header)))


def stamp_of(header: Header) -> BlockStamp:
    """Number, hash and time of a header."""
    return BlockStamp(int(header["number"], 16), _raw(header["hash"]), int(header["timestamp"], 16))


def rule_of(setting: str) -> FinalityRule:
    """Rule of a setting: `dev`, `qbft`, or `clique:N` with the number of signers.

    Raises:
        SetupError: none of them.
    """
    engine, _, signers = setting.partition(":")
    match engine:
        case "dev" if not signers:
            return DevFinality()
        case "qbft" if not signers:
            return QbftFinality()
        case "clique" if signers.isdecimal() and int(signers) > 0:
            return CliqueFinality(int(signers))
        case _:
            raise SetupError(f"finality is dev, qbft or clique:N with N signers, not {setting!r}")


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])
