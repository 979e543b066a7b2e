import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.did import Did, DidKind
from salus.core.errors import InputError
from tests.unit.core.strategies import bytes32

GOOD = "did:salus:31337:subject:" + "ab" * 32


@given(st.integers(1, 10**19), st.sampled_from(DidKind), bytes32)
def test_parse__of_any_did__and_back(chain_id: int, kind: DidKind, raw: bytes) -> None:
    did = Did(chain_id, kind, raw)
    assert Did.parse(str(did)) == did


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD[:-1],
        GOOD + "a",
        GOOD.upper(),
        GOOD.replace("salus", "ethr"),
        GOOD.replace("subject", "holder"),
        GOOD.replace("31337", "0"),
        GOOD.replace("31337", "-1"),
        GOOD.replace("31337", "031337"),
        GOOD.replace("31337", "9" * 21),
        GOOD.replace("31337", "٣"),
        GOOD.replace("ab", "AB"),
        GOOD.replace("ab", "zz"),
        " " + GOOD,
        GOOD + "\n",
        GOOD + "#account-1",
        GOOD + "?x=1",
        "did:salus:31337:subject:0x" + "ab" * 31,
    ],
)
def test_parse__no_salus_did__refused(text: str) -> None:
    with pytest.raises(InputError):
        Did.parse(text)


def test_document__of_two_accounts__lists_both_and_nothing_else() -> None:
    accounts = ["0x" + "11" * 20, "0x" + "22" * 20]
    document = Did.parse(GOOD).document(accounts)
    assert document["id"] == GOOD
    assert [m["blockchainAccountId"] for m in document["verificationMethod"]] == [
        f"eip155:31337:{account}" for account in accounts
    ]
    assert document["authentication"] == [f"{GOOD}#account-1", f"{GOOD}#account-2"]
    assert document["service"] == []


def test_document__without_accounts__nobody_can_act() -> None:
    assert Did.parse(GOOD).document([])["authentication"] == []
