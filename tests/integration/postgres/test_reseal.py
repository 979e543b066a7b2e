"""Records made again for another custodian set, on PostgreSQL."""

from tests.unit.oracle.test_reseal import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
