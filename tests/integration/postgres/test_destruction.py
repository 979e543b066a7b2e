"""Retention and destruction at the source, on PostgreSQL."""

from tests.unit.oracle.test_destruction import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
