"""QBFT: two thirds of the validators commit to a block before it is one; Byzantine faults of less than a third.

extraData is RLP [vanity 32, [validators], vote, round, [seals]], a vote being [] or [candidate, 0xff | ""]; early
GoQuorum wrote the byte 0 for the empty string. The hash of the chain leaves out round and seals; a commit seal is over
the header with its round and no seals. Source: EEA QBFT specification 1; GoQuorum 24.4 and Besu where it is silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from salus.core import rlp
from salus.core.consensus.seal import sealer_of
from salus.core.consensus.snapshot import Snapshot, check_linked
from salus.core.consensus.votes import Electorate, Vote
from salus.core.errors import IntegrityError
from salus.core.hashing import keccak
from salus.core.header import Header

MIX = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
"""Mix hash of every block of an engine of this family: "ctical byzantine fault tolerance"."""

_ADD, _DROPS = b"\xff", (b"", b"\0")


@dataclass(frozen=True, slots=True)
class Extra:
    """extraData taken apart; `vote` as it stands in RLP, so that hashes come out the same from either node."""

    vanity: bytes
    validators: list[bytes]
    vote: list[bytes]
    round: int
    seals: list[bytes]

    @classmethod
    def of(cls, header: Header) -> Extra:
        """extraData of a header.

        Raises:
            IntegrityError: malformed.
        """
        vanity, validators, vote, number, seals = rlp.items(rlp.decode(header.extra_data), 5)
        ballot = [each for each in rlp.items(vote, 0, 2) if isinstance(each, bytes)]
        if rlp.items(vote) and (len(ballot) != 2 or len(ballot[0]) != 20 or ballot[1] not in (_ADD, *_DROPS)):
            raise IntegrityError("a QBFT vote is a candidate of 20 bytes and one byte, 0xff or 0")
        return cls(
            rlp.text(vanity, 32),
            [rlp.text(each, 20) for each in rlp.items(validators)],
            ballot,
            rlp.number(number, 4),
            [rlp.text(each, 65) for each in rlp.items(seals)],
        )

    def without_seals(self, number: int) -> bytes:
        """The same with a round of this number and no seals."""
        return rlp.encode([self.vanity, self.validators, self.vote, number, []])


@dataclass(frozen=True, slots=True)
class Qbft:
    """The engine of GoQuorum; with `besu`, of Besu, which counts two kinds of vote differently.

    `epoch` is the chain's (genesis `qbft.epochLength`). At an epoch block GoQuorum counts the block's own vote and Besu
    does not; Besu keeps votes for what is already so, GoQuorum does not.
    """

    epoch: int = 30_000
    besu: bool = False
    name: str = field(default="qbft", init=False)

    def hash(self, header: Header) -> bytes:
        """Hash of the chain: keccak of the header with round 0 and no seals.

        Raises:
            IntegrityError: extraData is malformed.
        """
        return keccak(header.rlp(Extra.of(header).without_seals(0)))

    def seal_hash(self, header: Header) -> bytes:
        """What validators sign: the header with its round and no seals.

        Raises:
            IntegrityError: extraData is malformed.
        """
        extra = Extra.of(header)
        return keccak(header.rlp(extra.without_seals(extra.round)))

    def sealer(self, header: Header) -> bytes:
        """Who proposed a block: its `miner`, which the commit seals cover."""
        return header.miner

    def genesis(self, header: Header) -> Snapshot:
        """Snapshot of block 0, its validators out of extraData.

        Raises:
            IntegrityError: not a genesis block, or no validators, or one twice.
        """
        validators = Extra.of(header).validators
        if header.number or not validators or len(set(validators)) != len(validators):
            raise IntegrityError("a QBFT genesis block is block 0 and names each of its validators once")
        return Snapshot(0, self.hash(header), header.timestamp, header.state_root, tuple(sorted(validators)))

    def follow(self, parent: Snapshot, header: Header) -> Snapshot:
        """Snapshot after a child of a trusted block.

        Raises:
            IntegrityError: names what does not hold.
        """
        check_linked(parent, header)
        if header.mix_hash != MIX or header.difficulty != 1 or header.nonce != bytes(8):
            raise IntegrityError(f"block {header.number} has not the mix hash, difficulty 1 and nonce 0 of QBFT")
        extra = Extra.of(header)
        if tuple(sorted(extra.validators)) != parent.validators:
            raise IntegrityError(f"block {header.number} lists other validators than the votes made")
        if header.miner not in parent.validators:
            raise IntegrityError(f"block {header.number} is proposed by an account that is no validator")
        self._check_seals(parent.validators, header, extra)
        after = self._after(parent, header, extra)
        return Snapshot(
            header.number,
            keccak(header.rlp(extra.without_seals(0))),
            header.timestamp,
            header.state_root,
            after.validators,
            after.votes,
        )

    def final(self, trail: Sequence[Snapshot], sealers: Sequence[bytes]) -> int:
        """Index of the newest final block: the last, for every block that was followed is committed."""
        del sealers
        return len(trail) - 1

    def attest(self, validators: Sequence[bytes], headers: Sequence[Header]) -> None:
        """Check that one header bears commit seals of two thirds of these validators.

        Raises:
            IntegrityError: it does not, or there is more than one header.
        """
        if len(headers) != 1:
            raise IntegrityError("a QBFT block is final by its own seals: one header shows it")
        if not validators:
            raise IntegrityError("there are no validators whose seals could show it")
        self._check_seals(validators, headers[0], Extra.of(headers[0]))

    def equivocation(self, a: Header, b: Header) -> bool:
        """Whether two headers, each followed, are two blocks of one height: a third of the validators is then faulty.

        Raises:
            IntegrityError: extraData is malformed.
        """
        return a.number == b.number and self.hash(a) != self.hash(b)

    def _check_seals(self, validators: Sequence[bytes], header: Header, extra: Extra) -> None:
        if len(extra.seals) > len(validators):
            raise IntegrityError(f"block {header.number} has more seals than there are validators")
        signed = keccak(header.rlp(extra.without_seals(extra.round)))
        sealers: set[bytes] = set()
        for seal in extra.seals:
            sealer = sealer_of(signed, seal)
            if sealer not in validators:
                raise IntegrityError(f"block {header.number} has a seal by an account that is no validator")
            if sealer in sealers:
                raise IntegrityError(f"block {header.number} has two seals by one validator")
            sealers.add(sealer)
        if len(sealers) < quorum(len(validators)):
            raise IntegrityError(
                f"block {header.number} has {len(sealers)} seals of the {quorum(len(validators))} it needs"
            )

    def _after(self, parent: Snapshot, header: Header, extra: Extra) -> Electorate:
        """Validators and votes once the block's vote is counted."""
        after = parent.electorate
        if header.number % self.epoch == 0:
            after = Electorate(parent.validators)
            if self.besu:
                return after
        if not extra.vote:
            return after
        vote = Vote(header.miner, extra.vote[0], authorise=extra.vote[1] == _ADD)
        return after.cast(vote, keep_idle=self.besu)


def quorum(validators: int) -> int:
    """Seals a block needs: two thirds of the validators, rounded up."""
    return -(-2 * validators // 3)
