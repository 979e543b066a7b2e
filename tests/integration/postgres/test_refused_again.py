"""Messages that were refused and are taken after all, on PostgreSQL."""

from tests.unit.oracle.test_refused_again import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
