"""Starts parts of a consortium again when they die: `python -m cli.consortium.keeper FOLDER`, a part like the others.

A part that dies again soon waits longer each time, up to half a minute; one that ran for a minute is new again. Each
restart is a line in its log. Parts that somebody wants dead are left so (`cli.consortium.orders`).
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import structlog

from cli.consortium.orders import Orders, read_orders
from cli.world.layout import load
from cli.world.raising import KEEPER
from cli.world.services import chain_parts, service_parts
from devnet.supervisor import Part, Supervisor
from salus.adapters.service_log import log_lines
from salus.core.errors import SalusError

_ROOT = Path(__file__).resolve().parents[2]
_LOOK_SECONDS = 0.5
_FIRST_WAIT, _LONGEST_WAIT, _NEW_AFTER = 1.0, 30.0, 60.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a part that died waits for its next start, in seconds of any steady clock."""

    wait: float = _FIRST_WAIT
    started: float = float("-inf")
    due: float | None = None

    def died(self, now: float) -> Patience:
        """It was found dead."""
        wait = _FIRST_WAIT if now - self.started > _NEW_AFTER else min(2 * self.wait, _LONGEST_WAIT)
        return Patience(wait, self.started, now + wait)

    def began(self, now: float) -> Patience:
        """It was started again."""
        return Patience(self.wait, now)


class Keeper:
    """Looks after parts. `now` is a steady clock, `orders` says what is to be left dead or started otherwise."""

    def __init__(
        self,
        supervisor: Supervisor,
        parts: Iterable[Part],
        now: Callable[[], float],
        orders: Callable[[], Orders] = Orders,
    ) -> None:
        self._supervisor, self._now, self._orders = supervisor, now, orders
        self._parts = {part.name: part for part in parts}
        self._patience = {name: Patience() for name in self._parts}
        # The keeper before this one may have died between starting a part and telling it what it must know: a node
        # would never seal. Being told again changes nothing.
        self._waking = set(self._parts)

    def look(self) -> list[str]:
        """Start what is dead and has waited, tell what woke up what it must know; returns what was started."""
        self._supervisor.reap()
        alive, now, started = self._supervisor.running(), self._now(), list[str]()
        orders = self._orders()
        for name, part in self._parts.items():
            patience = self._patience[name]
            if name in alive:
                self._settle(part)
            elif name in orders.dead:
                self._patience[name] = Patience()
            elif patience.due is None:
                self._patience[name] = patience.died(now)
                _log.warning("part_ended", part=name, again_in_seconds=self._patience[name].wait)
            elif now >= patience.due:
                environment = {**part.environment, **orders.environment.get(name, {})}
                try:
                    pid = self._supervisor.revive(replace(part, environment=environment))
                except (OSError, SalusError) as error:  # a full disk, say: the others are looked after all the same
                    self._patience[name] = patience.began(now).died(now)
                    _log.warning("part_not_started", part=name, why=type(error).__name__)
                    continue
                self._patience[name] = patience.began(now)
                self._waking.add(name)
                started.append(name)
                _log.info("part_started", part=name, pid=pid)
        return started

    def _settle(self, part: Part) -> None:
        if part.name not in self._waking:
            return
        try:
            if part.ready():
                part.settle()
                self._waking.discard(part.name)
                _log.info("part_ready", part=part.name)
        except (OSError, SalusError):
            pass  # not yet; the next look asks again


def keeper_part(folder: Path) -> Part:
    """The process of the keeper."""
    return Part(KEEPER, (sys.executable, "-m", "cli.consortium.keeper", str(folder)), {"PYTHONPATH": str(_ROOT)})


def main(folder: Path) -> None:
    """Look after a founded world until SIGTERM."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    log_lines()
    world = load(folder)
    parts = [*chain_parts(folder, world.ports, world.network), *service_parts(world)]
    keep(Keeper(Supervisor(folder), parts, time.monotonic, lambda: read_orders(folder)), stop)


def keep(keeper: Keeper, stop: Event, every: float = _LOOK_SECONDS) -> None:
    """Look again and again until `stop`. Nobody starts the keeper again: a disk that is full must not end it."""
    while not stop.wait(every):
        try:
            keeper.look()
        except (OSError, ValueError, SalusError) as error:  # its own log, orders or the record of parts
            with suppress(OSError):
                _log.warning("look_failed", why=type(error).__name__)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
