"""Variables of a service: what is given, what is not, and what is refused by name without showing its value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from salus.core.errors import SetupError
from salus.core.variables import Variables

FILES = {
    Path("secret"): b"  s3cret \n",
    Path("blank"): b" \n",
    Path("binary"): b"\xff\xfe",
}


def read(path: Path) -> bytes:
    if path not in FILES:
        raise FileNotFoundError(path)
    return FILES[path]


def told(**given: str) -> Variables:
    return Variables("SALUS_X_", "x/settings.py", {f"SALUS_X_{name}": text for name, text in given.items()}, read)


def test_variables__empty__are_not_given() -> None:
    nothing = told(A="", A_FILE="")
    assert (nothing.optional("A"), nothing.optional_path("A"), nothing.optional_secret("A")) == (None, None, None)
    assert (nothing.text("A", "usual"), nothing.number("A", 3), nothing.seconds("A", 0.5)) == ("usual", 3, 0.5)
    assert nothing.flag("A") is None


def test_variables__given__are_taken() -> None:
    found = told(A="a/b", N=" 0 ", T="1.5", YES="1", NO="0", ID="0x" + "11" * 32)
    assert (found.required("A"), found.path("A"), found.optional_path("A")) == ("a/b", Path("a/b"), Path("a/b"))
    assert (found.number("N", 3), found.seconds("T", 2), found.flag("YES"), found.flag("NO")) == (0, 1.5, True, False)
    assert found.participant("ID") == b"\x11" * 32


def test_variables__secret__is_the_text_of_its_file() -> None:
    assert told(A_FILE="secret").secret("A") == "s3cret"
    assert told(A="itself", A_FILE="secret").secret("A") == "s3cret"
    assert told(A_FILE="secret").either("A") == "s3cret"
    assert told(A="itself", A_FILE="secret").either("A") == "itself"


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        *((lambda found: found.number("A", 1), text) for text in ("-1", "+1", "1.5", "many", "1_000", "１")),
        (lambda found: found.number("A", 1, least=1), "0"),
        *((lambda found: found.seconds("A", 1), text) for text in ("soon", "-1", "nan", "inf")),
        *((lambda found: found.flag("A"), text) for text in ("yes", "2")),
        *((lambda found: found.participant("A"), text) for text in ("", "0x12", "hospital")),
        (lambda found: found.required("A"), ""),
        (lambda found: found.path("A"), ""),
        (lambda found: found.either("A"), ""),
    ],
)
def test_variables__missing_or_malformed__are_named_and_not_shown(
    ask: Callable[[Variables], object], text: str
) -> None:
    with pytest.raises(SetupError, match="SALUS_X_A") as caught:
        ask(told(A=text))
    assert len(text) < 4 or text not in str(caught.value)


@pytest.mark.parametrize("file", ["", "nowhere", "blank", "binary"])
def test_variables__file_of_a_secret_is_not_there_or_says_nothing__is_named(file: str) -> None:
    with pytest.raises(SetupError, match="SALUS_X_A_FILE"):
        told(A_FILE=file).secret("A")


def test_variables__shown__say_no_value() -> None:
    assert "itself" not in repr(told(A="itself"))
