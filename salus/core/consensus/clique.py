"""Clique: signers take turns, each sealing alone; crash faults only.

extraData is 32 bytes of vanity, at genesis and epoch blocks the signers, and a 65-byte seal over the header without it.
The `miner` and `nonce` fields are a vote. Source: EIP-225; `consensus/clique` of go-ethereum 1.13 where it is silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from salus.core.consensus.seal import SEAL, sealer_of
from salus.core.consensus.snapshot import Snapshot, check_linked
from salus.core.consensus.votes import Electorate, Vote
from salus.core.errors import IntegrityError
from salus.core.hashing import keccak
from salus.core.header import Header

_VANITY = 32
_IN_TURN, _OUT_OF_TURN = 2, 1
_AUTHORISE, _DROP = b"\xff" * 8, bytes(8)
_NOBODY = bytes(20)


@dataclass(frozen=True, slots=True)
class Clique:
    """The engine of geth 1.13; `epoch` is the chain's (genesis `clique.epoch`)."""

    epoch: int = 30_000
    name: str = field(default="clique", init=False)

    def hash(self, header: Header) -> bytes:
        """Hash of the chain: keccak of the whole header, seal included."""
        return keccak(header.rlp())

    def seal_hash(self, header: Header) -> bytes:
        """What the signer signs: the header without its seal.

        Raises:
            IntegrityError: there is no room for a seal.
        """
        if len(header.extra_data) < _VANITY + SEAL:
            raise IntegrityError("the block carries no Clique seal")
        return keccak(header.rlp(header.extra_data[:-SEAL]))

    def sealer(self, header: Header) -> bytes:
        """Who sealed a block.

        Raises:
            IntegrityError: there is no seal, or it is no signature.
        """
        return sealer_of(self.seal_hash(header), header.extra_data[-SEAL:])

    def genesis(self, header: Header) -> Snapshot:
        """Snapshot of block 0, its signers out of extraData.

        Raises:
            IntegrityError: not a genesis block, or no signers, or one twice.
        """
        signers = _signers(header)
        if header.number or not signers or len(set(signers)) != len(signers):
            raise IntegrityError("a Clique genesis block is block 0 and names each of its signers once")
        return Snapshot(0, self.hash(header), header.timestamp, header.state_root, tuple(sorted(signers)))

    def follow(self, parent: Snapshot, header: Header) -> Snapshot:
        """Snapshot after a child of a trusted block.

        Raises:
            IntegrityError: names what does not hold.
        """
        check_linked(parent, header)
        self._check_form(parent, header)
        signer = self.sealer(header)
        if signer not in parent.validators:
            raise IntegrityError(f"block {header.number} is sealed by an account that is no signer")
        turn = parent.validators.index(signer) == header.number % len(parent.validators)
        if header.difficulty != (_IN_TURN if turn else _OUT_OF_TURN):
            raise IntegrityError(f"block {header.number} has a difficulty that does not fit its signer's turn")
        limit = len(parent.validators) // 2 + 1
        recent = tuple(each for each in parent.recent if each[0] + limit > header.number)
        if any(sealed_by == signer for _, sealed_by in recent):
            raise IntegrityError(f"block {header.number} is sealed by one of the last {limit - 1} signers")
        after = Electorate(parent.validators) if self._lapses(header) else parent.electorate
        after = after.cast(Vote(signer, header.miner, authorise=header.nonce == _AUTHORISE))
        return Snapshot(
            header.number,
            self.hash(header),
            header.timestamp,
            header.state_root,
            after.validators,
            after.votes,
            (*recent, (header.number, signer)),
        )

    def final(self, trail: Sequence[Snapshot], sealers: Sequence[bytes]) -> int:
        """Index of the newest block that is settled (`is_settled`) by what its signers sealed on top of it.

        `trail` are blocks, oldest first, of which the first is final already; `sealers` who sealed each of them.

        It holds through crashes and through a partition that heals. Where the network is cut anew before it is whole,
        honest signers that leave a branch for one of no less weight can give it to two branches.
        """
        on_top: set[bytes] = set()
        weight = 0
        for index in range(len(trail) - 1, 0, -1):
            signers = trail[index].validators
            weight += _difficulty(trail[index - 1].validators, trail[index].number, sealers[index])
            if is_settled(len(on_top.intersection(signers)), weight, len(signers)):
                return index
            on_top.add(sealers[index])
        return 0

    def attest(self, validators: Sequence[bytes], headers: Sequence[Header]) -> None:
        """Check that a chain of headers has its first one settled (`is_settled`) by seals of these signers on top.

        Raises:
            IntegrityError: it has not, a header is by somebody else, or there are more headers than it takes.
        """
        on_top: set[bytes] = set()
        weight = 0
        for parent, header in zip((None, *headers), headers, strict=False):
            if is_settled(len(on_top), weight, len(validators)):
                raise IntegrityError("there are more headers than it takes to show that the block is final")
            if parent is not None and (header.parent_hash, header.number) != (self.hash(parent), parent.number + 1):
                raise IntegrityError(f"header {header.number} is no child of the one before")
            signer = self.sealer(header)
            if signer not in validators:
                raise IntegrityError(f"block {header.number} is sealed by an account that is no known signer")
            weight += min(header.difficulty, _IN_TURN)
            if parent is not None:
                on_top.add(signer)
        if not is_settled(len(on_top), weight, len(validators)):
            raise IntegrityError(
                f"{len(on_top)} of {len(validators)} signers sealed on top, with a weight of {weight}: it takes more "
                "than half, and more than the others can weigh"
            )

    def equivocation(self, a: Header, b: Header) -> bool:
        """Whether one signer sealed two blocks of one height on one parent.

        On different parents honest signers do, after a reorganisation. A seal in its other form is no second block.

        Raises:
            IntegrityError: one of them carries no seal.
        """
        return (
            a.number == b.number
            and a.parent_hash == b.parent_hash
            and self.seal_hash(a) != self.seal_hash(b)
            and self.sealer(a) == self.sealer(b)
        )

    def _lapses(self, header: Header) -> bool:
        """Whether votes lapse at this block."""
        return header.number % self.epoch == 0

    def _check_form(self, parent: Snapshot, header: Header) -> None:
        if header.mix_hash != bytes(32):
            raise IntegrityError(f"block {header.number} has a mix hash, which Clique leaves zero")
        if header.nonce not in (_AUTHORISE, _DROP):
            raise IntegrityError(f"block {header.number} has a nonce that is no vote")
        signers = _signers(header)
        if not self._lapses(header):
            if signers:
                raise IntegrityError(f"block {header.number} lists signers outside an epoch block")
            return
        if header.miner != _NOBODY or header.nonce != _DROP:
            raise IntegrityError(f"epoch block {header.number} carries a vote")
        if signers != list(parent.validators):
            raise IntegrityError(f"epoch block {header.number} lists other signers than the votes made")


def is_settled(on_top: int, weight: int, signers: int) -> bool:
    """Whether a block is final: `on_top` of `signers` sealed on it, `weight` is the difficulty of it and these blocks.

    More than half is not enough from five signers on. The others, cut off, seal a block each and no more, but may have
    the turns: three of seven weigh 6, where the block and four on top weigh 5 when nobody has a turn; and of equal
    branches geth takes the shorter. So the weight must be beyond all that they can seal.
    """
    return on_top > signers // 2 and weight > _IN_TURN * ((signers - 1) // 2)


def _difficulty(signers: Sequence[bytes], number: int, sealer: bytes) -> int:
    """Difficulty of a block that one of the signers sealed."""
    return _IN_TURN if signers and signers[number % len(signers)] == sealer else _OUT_OF_TURN


def _signers(header: Header) -> list[bytes]:
    """Accounts between vanity and seal, in their order."""
    listed = header.extra_data[_VANITY:-SEAL]
    if len(header.extra_data) < _VANITY + SEAL or len(listed) % 20:
        raise IntegrityError("extraData is not 32 bytes, accounts of 20 bytes, and 65 bytes of seal")
    return [listed[i : i + 20] for i in range(0, len(listed), 20)]
