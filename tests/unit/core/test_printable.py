"""What strangers' text may do to a terminal: nothing."""

import pytest

from salus.core.printable import escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("张\u3000三\xa0丰", "张\u3000三\xa0丰"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\rb\nc", "a\\rb\\nc"),
        ("\u202eabc\u2028", "\\u202eabc\\u2028"),
    ],
)
def test_escaped__control_characters__only_they_are_written_out(text: str, shown: str) -> None:
    assert escaped(text) == shown
