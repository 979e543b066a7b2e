"""A watch that dies beside a write, on PostgreSQL."""

from tests.unit.watch.test_killed import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
