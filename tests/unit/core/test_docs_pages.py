import pytest

from salus.core import errors
from salus.core.codes import Code
from salus.core.labels import Action, Category, Flag, Obligation, Purpose, Topic
from tools import docs


@pytest.mark.parametrize("name", sorted(docs.PAGES))
def test_page__generated_from_code__has_not_drifted(name: str) -> None:
    assert (docs.DOCS / name).read_text() == docs.PAGES[name](), "run `python -m tools.docs` and look at the diff"


def test_check__fresh_pages__exit_0() -> None:
    assert docs.main(["--check"]) == 0


def test_errors_page__every_code_and_error__named() -> None:
    page = docs.errors_page()
    assert all(f"| {int(code)} | `{code.name}` |" in page for code in Code)
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SalusError)]
    assert kinds
    assert all(f"`{kind.__name__}`" in page for kind in kinds)


def test_policy_page__every_bit_of_every_mask__named() -> None:
    page = docs.policy_page()
    for kind in (Purpose, Category, Action, Obligation, Flag, Topic):
        assert all(f"`{bit.name}`" in page for bit in kind)


def test_errors_module__tree_in_its_docstring__names_every_error() -> None:
    drawn = errors.__doc__ or ""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.SalusError):
            assert kind.__name__ in drawn


def test_errors__every_kind__has_advice_and_diagnostics() -> None:
    assert errors.NotFoundError("gone").diagnostics().startswith("gone. ")
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.SalusError):
            assert kind.advice.endswith(".")


def test_refused_error__code__is_in_the_message() -> None:
    assert "CONSENT_REVOKED (20)" in str(errors.RefusedError(Code.CONSENT_REVOKED))


def test_chain_revert__bytes__shown_as_hex() -> None:
    error = errors.ChainRevert("ConsentRegistryKnown", {"id": b"\x01\x02", "status": 1})
    assert str(error) == "ConsentRegistryKnown(id=0x0102, status=1)"
