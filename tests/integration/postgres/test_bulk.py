"""Rows by the many, on PostgreSQL."""

from tests.unit.adapters.test_bulk import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
