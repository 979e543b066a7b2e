"""Catching up against senders and custodians that are not as one would have them, on PostgreSQL."""

from tests.unit.oracle.test_catch_up_attacked import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
