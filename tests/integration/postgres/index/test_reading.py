"""What the index answers, on PostgreSQL."""

from tests.unit.watch.test_index_reader import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
