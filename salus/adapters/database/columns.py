"""Column types that all databases share."""

from __future__ import annotations

from sqlalchemy import Dialect, LargeBinary


class Octets(LargeBinary):
    """Bytes as both drivers take and give them: SQLAlchemy's own wrapping of each value costs more than the insert."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        """Nothing to convert."""

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        """Nothing to convert."""
