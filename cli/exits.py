"""One table: errors to exit codes."""

from __future__ import annotations

from salus.core.errors import (
    ChainRevert,
    ConflictError,
    InputError,
    IntegrityError,
    NotFoundError,
    RefusedError,
    SalusError,
    SetupError,
    SignatureError,
    UnavailableError,
)

EXIT_CODES: tuple[tuple[type[SalusError], int], ...] = (
    (InputError, 2),
    (RefusedError, 3),
    (NotFoundError, 4),
    (UnavailableError, 5),
    (IntegrityError, 6),
    (SignatureError, 6),
    (ConflictError, 7),
    (SetupError, 8),
    (ChainRevert, 9),
    (SalusError, 1),
)
REFUSED = 3
"""Some were refused, as the output says; as of a `RefusedError`."""
WARNED = 10
"""All works, but somebody should look (`salus doctor`)."""
INTERRUPTED = 130


def exit_code(error: SalusError) -> int:
    """Exit code of an error; the first kind that fits."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))
