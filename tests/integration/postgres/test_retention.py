"""The end of messages' time, on PostgreSQL."""

from tests.unit.oracle.test_retention import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
