"""How often somebody may be wrong: a few failures per network address and minute, counted in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

_ADDRESSES = 10_000


@dataclass(slots=True)
class _Window:
    began: float
    failures: int = 0


class Attempts:
    """Failures by address in the present window; the oldest addresses are forgotten first."""

    def __init__(self, monotonic: Callable[[], float], failures: int = 10, seconds: float = 60.0) -> None:
        self._monotonic = monotonic
        self._most = failures
        self._seconds = seconds
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._lock = Lock()

    def allowed(self, address: str) -> bool:
        """Whether this address may try now."""
        with self._lock:
            window = self._windows.get(address)
            return window is None or self._ended(window) or window.failures < self._most

    def failed(self, address: str) -> None:
        """This address was wrong."""
        with self._lock:
            window = self._windows.get(address)
            if window is None or self._ended(window):
                window = self._windows[address] = _Window(self._monotonic())
                if len(self._windows) > _ADDRESSES:
                    self._windows.popitem(last=False)
            window.failures += 1

    def _ended(self, window: _Window) -> bool:
        return self._monotonic() - window.began >= self._seconds
