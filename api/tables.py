"""Names of code tables and dates as they stand in JSON."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import IntEnum
from typing import TypeVar

from salus.core.days import date_of
from salus.core.errors import InputError
from salus.core.labels import F, mask_of

E = TypeVar("E", bound=IntEnum)


def mask(kind: type[F], codes: Iterable[str]) -> F:
    """Mask of code names.

    Raises:
        InputError: a name is not in the table.
    """
    try:
        return mask_of(kind, codes)
    except KeyError as error:
        raise InputError(f"there is no {kind.__name__.lower()} of that name; docs/policy.md has the tables") from error


def member(kind: type[E], name: str) -> E:
    """Member of a table by name.

    Raises:
        InputError: the name is not in the table.
    """
    try:
        return kind[name]
    except KeyError as error:
        raise InputError(f"there is no {kind.__name__.lower()} of that name; docs/policy.md has the tables") from error


def named(kind: type[IntEnum], value: int) -> str:
    """Name of a number in a table, or the number itself where the table has none."""
    return kind(value).name if value in kind.__members__.values() else str(value)


def calendar_date(day: int) -> date | None:
    """Civil date of a day number; None for day 0 (undated) and days beyond the calendar."""
    return date_of(day) if 0 < day <= date.max.toordinal() - date(1970, 1, 1).toordinal() else None
