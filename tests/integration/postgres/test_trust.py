"""The header a custodian trusts, on PostgreSQL."""

from tests.unit.custodian.test_trust import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
