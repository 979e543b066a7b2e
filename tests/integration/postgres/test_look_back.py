"""A chain that has lost blocks, on PostgreSQL."""

from tests.unit.oracle.test_look_back import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
