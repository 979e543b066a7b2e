"""What a follower must know of one block to check the next: the trusted header of a light client, and all of it.

Nothing here is the next header's word: validators come from genesis and from votes replayed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from salus.core.consensus.votes import Electorate, Vote
from salus.core.errors import InputError, IntegrityError
from salus.core.header import NO_UNCLES, Header
from salus.core.ids import from_hex, hex32


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of an engine after one block.

    `hash` and `state_root` are 32 bytes, accounts 20 bytes. `validators` are sorted, the ones who may seal the next
    block; `votes` are open; `recent` are Clique's last sealers as (number, signer), oldest first, and () for QBFT.
    """

    number: int
    hash: bytes
    timestamp: int
    state_root: bytes
    validators: tuple[bytes, ...]
    votes: tuple[Vote, ...] = ()
    recent: tuple[tuple[int, bytes], ...] = ()

    @property
    def electorate(self) -> Electorate:
        """Who may vote in the next block, and the votes that are open."""
        return Electorate(self.validators, self.votes)

    def to_json(self) -> dict[str, object]:
        """The form a service keeps as its trusted header."""
        return {
            "number": self.number,
            "hash": hex32(self.hash),
            "timestamp": self.timestamp,
            "stateRoot": hex32(self.state_root),
            "validators": [hex32(each) for each in self.validators],
            "votes": [
                {"voter": hex32(vote.voter), "candidate": hex32(vote.candidate), "authorise": vote.authorise}
                for vote in self.votes
            ],
            "recent": [{"number": number, "signer": hex32(signer)} for number, signer in self.recent],
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, object]) -> Snapshot:
        """What `to_json` wrote.

        Raises:
            IntegrityError: malformed, or without a single validator.
        """
        try:
            read = cls(
                _count(kept["number"]),
                _hex(kept["hash"], 32),
                _count(kept["timestamp"]),
                _hex(kept["stateRoot"], 32),
                tuple(_hex(each, 20) for each in _list(kept["validators"])),
                tuple(_vote(each) for each in _list(kept["votes"])),
                tuple((_count(_of(each, "number")), _hex(_of(each, "signer"), 20)) for each in _list(kept["recent"])),
            )
        except (KeyError, TypeError, InputError) as error:
            raise IntegrityError(f"the kept snapshot is malformed: {error}") from error
        if not read.validators or list(read.validators) != sorted(set(read.validators)):
            raise IntegrityError("the kept snapshot's validators are none, or not in order")
        return read


def check_linked(parent: Snapshot, header: Header) -> None:
    """Check what any engine asks of a block and its parent.

    Raises:
        IntegrityError: the header is no child of the parent, or not later, or its fixed fields are not as they must be.
    """
    if header.parent_hash != parent.hash:
        raise IntegrityError(f"block {header.number} is no child of the trusted block {parent.number}")
    if header.number != parent.number + 1:
        raise IntegrityError(f"block {header.number} follows block {parent.number}")
    if header.timestamp <= parent.timestamp:
        raise IntegrityError(f"block {header.number} is not later than its parent")
    if header.uncles_hash != NO_UNCLES:
        raise IntegrityError(f"block {header.number} names uncles, which this engine has none of")
    if header.gas_used > header.gas_limit:
        raise IntegrityError(f"block {header.number} uses more gas than its limit")


def _vote(kept: object) -> Vote:
    authorise = _of(kept, "authorise")
    if not isinstance(authorise, bool):
        raise TypeError("a vote authorises or it does not")
    return Vote(_hex(_of(kept, "voter"), 20), _hex(_of(kept, "candidate"), 20), authorise=authorise)


def _of(kept: object, member: str) -> object:
    if not isinstance(kept, Mapping):
        raise TypeError(f"expected an object with {member}")
    return kept[member]


def _list(kept: object) -> list[object]:
    if not isinstance(kept, list):
        raise TypeError("expected a list")
    return kept


def _count(kept: object) -> int:
    if not isinstance(kept, int) or isinstance(kept, bool) or kept < 0:
        raise TypeError("expected a number that is not negative")
    return kept


def _hex(kept: object, length: int) -> bytes:
    if not isinstance(kept, str):
        raise TypeError("expected hex")
    return from_hex(kept, length)
