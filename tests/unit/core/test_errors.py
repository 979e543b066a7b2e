"""Errors say what to do: every kind has advice, and a raise can have better one of its own."""

from __future__ import annotations

import pickle

import pytest

import api.errors  # noqa: F401 - its kinds are walked too
import salus.adapters.chain.rpc  # noqa: F401 - as above
from salus.core.errors import ConflictError, SalusError, SetupError


def _kinds(kind: type[SalusError] = SalusError) -> list[type[SalusError]]:
    return [kind, *(deeper for below in kind.__subclasses__() for deeper in _kinds(below))]


@pytest.mark.parametrize("kind", _kinds(), ids=lambda kind: kind.__name__)
def test_advice__of_every_kind__is_a_sentence(kind: type[SalusError]) -> None:
    assert kind.advice[0].isupper() or kind.advice.startswith("docs/")
    assert kind.advice.endswith(".")


def test_advice__given_to_one_error__stands_in_place_of_its_kinds() -> None:
    error = ConflictError("custodian-1 runs: stop it first", advice="`salus down` stops it.")
    assert error.diagnostics() == "custodian-1 runs: stop it first. `salus down` stops it."
    assert pickle.loads(pickle.dumps(error)).advice == "`salus down` stops it."
    assert ConflictError("another").advice == ConflictError.advice


def test_error__without_a_message__has_its_kinds_advice() -> None:
    assert str(SetupError()) == ""
    assert SetupError().advice == SetupError.advice
