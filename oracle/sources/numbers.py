"""The number by which a sender counts its messages, as its settings say."""

from __future__ import annotations

from typing import Protocol

from oracle.sources.model import Source


class Counted(Protocol):
    """One judged message (`oracle.intake.receive.Received`)."""

    @property
    def message_key(self) -> tuple[str, str, str]:
        """MSH-3, MSH-4 and MSH-10 as sent."""
        ...

    @property
    def sequence_number(self) -> int | None:
        """MSH-13."""
        ...


def number_of(source: Source | None, received: Counted) -> tuple[str, int] | None:
    """Which of the sender's counters, "" for its only one, and the number; None when there is nothing to count by.

    By `sequence_numbers` it is MSH-13. By `control_id_digits` it is the last digits of MSH-10, and what stands before
    them names the counter: a sender that writes the day in front begins a new one every day.
    """
    if source is None:
        return None
    if source.sequence_numbers:
        number = received.sequence_number
        return ("", number) if number else None
    digits = source.control_id_digits
    if not digits:
        return None
    control = received.message_key[2]
    counter, tail = control[:-digits], control[-digits:]
    if len(tail) < digits or not (tail.isascii() and tail.isdigit()):
        return None
    return counter, int(tail)
