"""Damaged rows of custodians and oracles, on PostgreSQL."""

from tests.unit.custodian.test_damaged_rows import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
from tests.unit.oracle.test_damaged_journal import *  # noqa: F403 - as above
