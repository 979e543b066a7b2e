"""Migrations of the index, on PostgreSQL."""

from tests.unit.watch.test_schema import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
