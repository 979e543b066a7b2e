"""Migrations of the custodian, on PostgreSQL."""

from tests.unit.custodian.test_schema import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
