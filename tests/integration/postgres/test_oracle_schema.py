"""Migrations of the oracle, on PostgreSQL."""

from tests.unit.oracle.test_schema import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
