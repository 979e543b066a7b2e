"""Reports in parts, on PostgreSQL."""

from tests.unit.oracle.test_fold import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
