"""What a custodian does with records whose years are over, on PostgreSQL."""

from tests.unit.custodian.conftest import sqlite_stage, stage  # noqa: F401 - fixtures of the suite
from tests.unit.custodian.test_retention import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
