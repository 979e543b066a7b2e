"""What operators do in the journal, on PostgreSQL."""

from tests.unit.oracle.test_operations import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here

# They write rows behind the log's back in SQLite's words; what notices that is not the database
del test_audit__changed_behind_its_back__shows  # noqa: F821 - imported above
del test_audit__its_end_cut_off__takes_no_further_row  # noqa: F821 - imported above
