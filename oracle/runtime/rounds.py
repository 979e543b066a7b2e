"""What an oracle does from time to time beside its work: erase old bytes, look for gaps, carry out destruction."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from threading import Event

import structlog

from oracle.destruction import DestructionWatch
from oracle.gaps import GapWatch
from oracle.runtime.kept import SystemClock
from oracle.runtime.parts import Parts
from oracle.sitekey import RAW

_PURGE_SECONDS = 600.0
_GAP_SECONDS = 10.0
_DAY_SECONDS = 86_400

_log = structlog.get_logger()


def purge(parts: Parts, stop: Event) -> None:
    """Erase the bytes of old messages, a little at a time: each source's by its own days, others by the oracle's; and
    of those that speak of destroyed records only."""
    site, messages = parts.kept.site, parts.kept.messages
    forget = partial(site.forget_rows, RAW)
    erase = partial(messages.purge, forget)
    while not stop.wait(_PURGE_SECONDS):
        sources = parts.sources.all()
        try:
            for source in sources:
                _purge_older(source.retain_days, stop, partial(erase, of=source.name))
            known = [source.name for source in sources]
            _purge_older(parts.settings.retain_days, stop, partial(erase, but=known))
            while messages.purge_destroyed(forget) and not stop.is_set():
                pass
        except Exception as error:  # noqa: BLE001 - tried again at the next round
            _log.warning("journal not purged", error=type(error).__name__)


def _purge_older(days: int, stop: Event, erase: Callable[[int], int]) -> None:
    before = int(time.time()) - days * _DAY_SECONDS
    while erase(before) and not stop.is_set():
        pass


def watch_gaps(parts: Parts, stop: Event) -> None:
    """Look for numbers that have not come."""
    watch = GapWatch(parts.kept.quality, SystemClock(), parts.metrics)
    while not stop.wait(_GAP_SECONDS):
        try:
            watch.look()
        except Exception as error:  # noqa: BLE001 - looked at again at the next round
            _log.warning("gaps not looked at", error=type(error).__name__)


def destroy_due(parts: Parts, stop: Event) -> None:
    """Carry out final orders, and order what is past its years and agreed to."""
    failures = parts.metrics.worker_errors.labels("destruction")
    hours, line = parts.settings.operations.retention_hours, parts.kept.database.line
    DestructionWatch(parts.destruction, hours, line.is_held, time.monotonic, failures.inc).run(stop.wait)
