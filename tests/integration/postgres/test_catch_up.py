"""Catching up on PostgreSQL."""

from tests.unit.oracle.test_catch_up import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
