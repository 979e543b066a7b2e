"""Posts raised and cleared alerts to one URL, as JSON, for as long as it takes.

    {"service": "oracle", "sourceId": "0x…", "alert": "disk-low", "source": "database", "state": "raised",
     "since": 1795743000, "at": 1795743005, "value": 4, "limit": 10, "advice": "Make room …"}

After a start it says `"alert": "started", "state": "cleared"`: whatever was raised before is forgotten here, and raised
again if it still holds. What waits is the newest state of each alert, so it is bounded by the number of alerts: while
the receiver is away, an alert that came and went is told as cleared. Names are of senders' systems, participants and
folders, never of people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Condition, Thread
from typing import Any

import structlog

from oracle.alerts import Change

MOST_WAITING = 1000
STARTED = "started"
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0

Post = Callable[[Mapping[str, Any]], None]
"""Sends one body; raises whatever stops it."""

_log = structlog.get_logger()


def body_of(change: Change, source_id: str) -> dict[str, Any]:
    """What is posted."""
    alert = change.alert
    return {
        "service": "oracle",
        "sourceId": source_id,
        "alert": alert.kind.value,
        "source": alert.source,
        "state": "raised" if change.raised else "cleared",
        "since": alert.since,
        "at": change.at,
        "value": alert.value,
        "limit": alert.limit,
        "advice": alert.advice,
    }


class Webhook:
    """A thread that posts; `tell` never waits. `failed` is called after each post in vain."""

    def __init__(self, post: Post, source_id: str, failed: Callable[[], None] = lambda: None) -> None:
        self._post = post
        self._source_id = source_id
        self._failed = failed
        self._waiting: dict[tuple[str, str], dict[str, Any]] = {}
        self._changed = Condition()
        self._stopping = False
        self._thread = Thread(target=self._run, name="webhook", daemon=True)

    def start(self) -> None:
        """Begin, and say so."""
        common = {"service": "oracle", "sourceId": self._source_id, "source": ""}
        with self._changed:
            self._waiting[STARTED, ""] = common | {"alert": STARTED, "state": "cleared"}
        self._thread.start()

    def tell(self, change: Change) -> None:
        """Post this change next; an older one of the same alert that was not posted yet is left out."""
        with self._changed:
            name = (change.alert.kind.value, change.alert.source)
            self._waiting.pop(name, None)
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.pop(next(iter(self._waiting)))
            self._waiting[name] = body_of(change, self._source_id)
            self._changed.notify()

    def stop(self, grace: float = 2.0) -> None:
        """End, after a last try of what waits."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(grace)

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if not self._waiting:
                    return
                name, body = next(iter(self._waiting.items()))
            try:
                self._post(body)
            except Exception as error:  # noqa: BLE001 - whatever the receiver does, the alert is posted again
                self._failed()
                _log.warning("webhook will be tried again", error=type(error).__name__, seconds=pause)
                with self._changed:
                    if self._changed.wait_for(lambda: self._stopping, pause):
                        return
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                continue
            pause = FIRST_PAUSE_SECONDS
            with self._changed:
                if self._waiting.get(name) is body:
                    del self._waiting[name]
