"""Keys of which single ones can be destroyed, by name of a period: the port; trees of them are in `key_tree.py`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class ErasableKeys(Protocol):
    """One key of 32 bytes for each thing sealed, from one tree per period. They are kept out of backups.

    A period is a civil month or day: `2026-11`, `2026-11-27`.
    """

    def fresh(self, period: str) -> tuple[int, bytes]:
        """Number and key that were never given out before."""
        ...

    def past(self, period: str, number: int) -> bytes:
        """A key that was given out.

        Raises:
            NotFoundError: it was erased, or its period was, or that is missing.
        """
        ...

    def forget(self, period: str, numbers: Iterable[int]) -> None:
        """Erase keys durably: nothing that is left on this machine can make them again."""
        ...

    def keep_only(self, period: str, numbers: Iterable[int]) -> None:
        """Erase all keys that were given out but these, durably. `numbers` is gone through once nobody gives out keys.

        Raises:
            ConflictError: somebody gives out keys here at this time.
        """
        ...

    def periods(self) -> list[str]:
        """Periods that have keys."""
        ...

    def erase(self, period: str) -> None:
        """Erase all keys of a period."""
        ...
