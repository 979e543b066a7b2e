"""Versions of a set with a lost member given up and made anew, on PostgreSQL."""

from tests.unit.oracle.test_abandon import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
