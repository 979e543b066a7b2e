"""Who posts messages over HTTP: the source whose bearer token is shown, and how fast it may go."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from oracle.intake.throttle import Throttles
from oracle.sources import LiveSources, Source

_SCHEME = b"Bearer "


class HttpSenders:
    """Recognises senders. `everybody` names the source of those who show nothing, for an oracle that asks for none."""

    def __init__(
        self, sources: LiveSources, throttles: Throttles, monotonic: Callable[[], float], everybody: str = ""
    ) -> None:
        self._sources = sources
        self._throttles = throttles
        self._monotonic = monotonic
        self._everybody = everybody

    def recognise(self, authorization: str) -> Source | None:
        """The source of an Authorization header; None for nobody's. Every token is compared, in constant time."""
        if self._everybody:
            return self._sources.get(self._everybody)
        shown = authorization.encode("latin-1", errors="replace")
        found = None
        for source in self._sources.all():
            if source.token is not None and hmac.compare_digest(shown, _SCHEME + source.token.encode()):
                found = source
        return found

    def take(self, source: Source) -> float:
        """Count one message in: 0, or seconds after which the sender may try again."""
        throttle = self._throttles.of(source.name)
        if throttle is None:
            return 0.0
        now = self._monotonic()
        seconds = throttle.wait(now)
        if not seconds:
            throttle.take(now)
        return seconds
