"""Senders' numbers, on PostgreSQL."""

from tests.unit.oracle.test_gaps import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
