"""Following, restarting, rebuilding, on PostgreSQL."""

from tests.unit.watch.test_index import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
