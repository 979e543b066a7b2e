"""What operators do in the journal, on PostgreSQL."""

from tests.unit.oracle.test_operations import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
