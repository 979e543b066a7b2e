"""What a service writes on standard output: a JSON line for each event, with level and UTC time, hanzi as they are."""

from __future__ import annotations

import structlog


def log_lines() -> None:
    """Write log lines in the form all services have. For the whole process."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    )
