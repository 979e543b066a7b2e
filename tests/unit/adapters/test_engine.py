from pathlib import Path

import pytest

from salus.adapters.database.engine import open_engine
from salus.core.errors import SetupError


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql+pg8000://nobody@127.0.0.1/none", "needs the package pg8000"),
        ("mysql://nobody@127.0.0.1/none", "must start with sqlite"),
    ],
)
def test_open_engine__no_driver_or_another_dialect__says_what_is_missing(url: str, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        open_engine(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:secret@db.hospital.example/oracle",
        "postgresql+psycopg://me:secret@10.0.0.7/oracle?sslmode=prefer",
        "postgresql+psycopg://me:secret@10.0.0.7/oracle?sslmode=require",
        "postgresql+psycopg://me:secret@127.0.0.1/oracle?host=10.0.0.7",
        "postgresql+psycopg://me:secret@/oracle?host=127.0.0.1:5432&host=10.0.0.7:5432",
        "postgresql+psycopg://me:secret@localhost/oracle?hostaddr=10.0.0.7",
        "postgresql+psycopg://me:secret@localhost.example/oracle?sslmode=disable",
        "postgresql+psycopg://me:secret@/oracle?service=elsewhere",
        "postgresql+psycopg://me:secret@10.0.0.7/oracle?sslmode=disable&sslmode=verify-full",
    ],
)
def test_open_engine__server_elsewhere_that_nobody_checks__gets_no_password(url: str) -> None:
    with pytest.raises(SetupError, match="sslmode=verify-full") as refused:
        open_engine(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:secret@db.hospital.example/oracle?sslmode=verify-full&sslrootcert=/ca.crt",
        "postgresql+psycopg://me:secret@127.0.0.1:5432/oracle",
        "postgresql+psycopg://me:secret@[::1]/oracle",
        "postgresql+psycopg://me@/oracle?host=/var/run/postgresql",
        "postgresql+psycopg://me@/oracle",
    ],
)
def test_open_engine__server_here_or_checked__is_fine(url: str) -> None:
    pytest.importorskip("psycopg")
    open_engine(url).dispose()


def test_open_engine__new_sqlite_file__nobody_else_may_read_it(tmp_path: Path) -> None:
    with open_engine(f"sqlite:///{tmp_path / 'new' / 'store.db'}").connect() as connection:
        connection.exec_driver_sql("CREATE TABLE one (key INTEGER PRIMARY KEY)")
        connection.commit()
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}
