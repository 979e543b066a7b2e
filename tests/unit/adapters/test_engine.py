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


def test_open_engine__new_sqlite_file__nobody_else_may_read_it(tmp_path: Path) -> None:
    with open_engine(f"sqlite:///{tmp_path / 'new' / 'store.db'}").connect() as connection:
        connection.exec_driver_sql("CREATE TABLE one (key INTEGER PRIMARY KEY)")
        connection.commit()
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}
