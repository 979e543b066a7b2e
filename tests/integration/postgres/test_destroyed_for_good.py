"""Attempts on destroyed records at a custodian, on PostgreSQL."""

from tests.unit.custodian.test_destroyed_for_good import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
