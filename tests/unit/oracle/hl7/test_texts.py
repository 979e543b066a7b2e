"""Texts of ERR: every condition, and everything intake itself finds, has words in both languages."""

import ast
from pathlib import Path

import pytest

from oracle.hl7.errors import CONDITION_TEXT, Condition
from oracle.hl7.texts import Language, condition_text, found_text

ORACLE = Path(__file__).resolve().parents[4] / "oracle"
RAISED = {
    "BusyError",
    "CharsetError",
    "FrameError",
    "HL7Error",
    "LimitError",
    "MissingFieldError",
    "StructureError",
    "TooLargeError",
    "UnsupportedError",
}


def found_by(folder: str) -> set[str]:
    """Texts that errors of a package are made with."""
    texts = set()
    for file in (ORACLE / folder).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED:
                texts |= {
                    arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
                }
    return texts


def test_found_text__all_that_intake_says__is_there_in_chinese() -> None:
    texts = found_by("intake") | found_by("hl7")
    assert len(texts) > 15
    fallbacks = {condition_text(condition, Language.CHINESE) for condition in Condition}
    missing = {text for text in texts if found_text(text, Condition.INTERNAL, Language.CHINESE) in fallbacks}
    assert missing == set()


@pytest.mark.parametrize("condition", list(Condition))
def test_condition_text__each__has_its_own_words(condition: Condition) -> None:
    assert condition_text(condition, Language.ENGLISH) == CONDITION_TEXT[condition]
    chinese = condition_text(condition, Language.CHINESE)
    assert chinese.strip()
    assert not chinese.isascii()


def test_found_text__unknown_to_the_table__falls_back_on_the_condition() -> None:
    assert found_text("x", Condition.DATA_TYPE, Language.CHINESE) == condition_text(
        Condition.DATA_TYPE, Language.CHINESE
    )
    assert found_text("x", Condition.DATA_TYPE, Language.ENGLISH) == "x"
