"""The write path from journal to anchor, on PostgreSQL."""

from tests.unit.oracle.test_pipeline import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
