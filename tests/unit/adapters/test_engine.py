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
