"""A record destroyed while another version of it is on its way, on PostgreSQL."""

from tests.unit.oracle.test_destruction_under_way import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
