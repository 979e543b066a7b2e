"""Who may do what in a service's PostgreSQL database: SQL that its owner runs once, and again after each migration.

| role | may |
| --- | --- |
| the owner | everything; migrates, and is no account of a service |
| `salus_oracle`, `_custodian`, `_watch`, `_api` | read and write the rows of its own service; only add to logs |
| `salus_reader` | read the index, which is what the API needs of it |

The roles can't log in: accounts with passwords or certificates are made by the administrator and granted one of them.
"""

from __future__ import annotations

from salus.core.errors import InputError

SERVICES = {"oracle": "salus_oracle", "custodian": "salus_custodian", "index": "salus_watch", "api": "salus_api"}
"""Services by the name of their schema, each with its role."""
READER = "salus_reader"
_LOGS = {
    "oracle": ("oracle_audit",),
    "custodian": ("custody_log", "custody_tombstone"),
    "index": (),
    "api": (),
}
"""Tables that are only ever added to."""


def roles_sql(service: str) -> str:
    """SQL that makes the role of a service and gives it what it needs, in the database it is run in.

    Raises:
        InputError: no such service.
    """
    if service not in SERVICES:
        raise InputError(f"say one of {', '.join(SERVICES)}")
    role = SERVICES[service]
    roles = [role, READER] if service == "index" else [role]
    lines = [f"-- {service}: run as the owner of the database, after `salus database migrate {service}`", "BEGIN;"]
    lines += [_made(one) for one in roles]
    lines += [
        "DO $$ BEGIN EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()); END $$;",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
    ]
    for one in roles:
        lines += [
            f"DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO {one}', current_database()); END $$;",
            f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {one};",
            f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {one};",
            f"GRANT USAGE ON SCHEMA public TO {one};",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {one};",
        ]
    lines += [
        f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};",
        f"REVOKE INSERT, UPDATE, DELETE ON {service}_version FROM {role};",
        *(f"REVOKE UPDATE, DELETE ON {table} FROM {role};" for table in _LOGS[service]),
        "COMMIT;",
    ]
    return "\n".join(lines) + "\n"


def _made(role: str) -> str:
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')"
        f" THEN CREATE ROLE {role} NOLOGIN; END IF; END $$;"
    )
