"""Merges, moves and links, on PostgreSQL."""

from tests.unit.oracle.test_identity import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
