"""Where membership is asked for and decided: a node, a deployment on its chain, and who votes.

In the world of `salus up` or `salus consortium up` all of it is known, and its whole Council votes. Anywhere else a
command names node and deployment, and each member of the Council votes with its own keystore, on its own machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cli.world.founding import chamber_in
from cli.world.layout import World
from cli.world.running import running_world
from salus.adapters.chain import participants
from salus.adapters.chain.connect import Chain, connect
from salus.adapters.deployment_file import read_deployment
from salus.adapters.keys import files, keystore
from salus.core.errors import InputError, NotFoundError, SetupError
from salus.core.ids import ParticipantId, from_hex
from salus.core.membership import Membership
from salus.core.policy import ParticipantStatus
from salus.flows.council import Chamber

_LOOKS, _LOOK_SECONDS = 20, 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """Node and deployment file that were named; None for those of the world that runs."""

    rpc: str | None = None
    deployment: Path | None = None


@dataclass(frozen=True, slots=True)
class Voters:
    """Keystores of members of the Council that vote here; none: the world's whole Council."""

    keystores: Sequence[Path] = ()
    passphrase_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Hall:
    """An open connection; `world` is None outside of one."""

    chain: Chain
    world: World | None

    def participant(self, name: str) -> ParticipantId:
        """An institution by its id (`0x` and 64 hex digits), or by its short name in the world.

        Raises:
            InputError: neither.
        """
        if name.startswith("0x"):
            return ParticipantId(from_hex(name))
        known = {} if self.world is None else {str(each): found for each, found in self.world.ids.items()}
        if name not in known:
            names = f", or one of {', '.join(known)}" if known else ""
            raise InputError(f"{name!r} is no institution: give its participant id, 0x and 64 hex digits{names}")
        return known[name]

    def membership(self, participant: ParticipantId) -> Membership:
        """All that the registry has of an institution at the newest block.

        Raises:
            NotFoundError: nobody applied by that id.
        """
        found = self.chain.reader.read_all([participants.all_of(participant)], self.chain.reader.head())[0]
        if found.status is ParticipantStatus.NONE:
            raise NotFoundError(f"nobody has applied as 0x{participant.hex()} on this chain")
        membership: Membership = found
        return membership

    def once(
        self,
        participant: ParticipantId,
        holds: Callable[[Membership], bool] = lambda _: True,
        pause: Callable[[float], None] = time.sleep,
    ) -> Membership:
        """As `membership`, once it holds what was just sent: another node, or a fork, may be some blocks behind. What
        is there after that time is returned all the same.

        Raises:
            NotFoundError: nobody applied by that id.
        """
        for _ in range(_LOOKS):
            with suppress(NotFoundError):
                if holds(found := self.membership(participant)):
                    return found
            pause(_LOOK_SECONDS)
        return self.membership(participant)

    def chamber(self, voters: Voters) -> Chamber:
        """Who votes here. With keystores votes may be missing: members elsewhere run the same command.

        Raises:
            InputError: there is no world, and no keystore was given; or its passphrase's file is missing.
        """
        if not voters.keystores:
            if self.world is None:
                raise InputError("name who votes: --member KEYSTORE --passphrase-file FILE")
            return chamber_in(self.chain, self.world.keys)
        if voters.passphrase_file is None:
            raise InputError("keystores need --passphrase-file")
        passphrase = files.read_passphrase(voters.passphrase_file)
        writers = [self.chain.writer([keystore.load(file, passphrase)]) for file in voters.keystores]
        return Chamber(self.chain.board, writers, time.sleep, partial=True)


@contextmanager
def opened(place: Place) -> Iterator[Hall]:
    """The hall at a place; closed at the end.

    Raises:
        SetupError: the deployment cannot be read, or no world runs and the place is not whole.
        UnavailableError: the node is away.
    """
    world = None if place.rpc is not None and place.deployment is not None else _world()
    url = place.rpc or (world.chain_url if world else "")
    file = place.deployment or (world.deployment_file if world else Path())
    chain = connect(url, read_deployment(file, "--deployment").council)
    try:
        yield Hall(chain, world)
    finally:
        chain.close()


def _world() -> World:
    try:
        return running_world()
    except SetupError as error:
        raise SetupError(
            "no world runs on this machine: name a node and the deployment, --rpc URL --deployment FILE"
        ) from error
