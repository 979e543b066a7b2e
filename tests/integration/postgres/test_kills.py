"""The oracle killed at every step, on PostgreSQL."""

from tests.unit.oracle.test_crash import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
