"""What an institution makes and says when it joins, and how its membership reads."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from cli.commands.participant_joining import Kind
from cli.participant.joining import JoiningKeys, facts, read_day, read_digest, read_roles, told
from salus.adapters.keys import keystore, x25519
from salus.core.errors import InputError
from salus.core.hashing import keccak
from salus.core.ids import ZERO_ADDRESS, ParticipantId, to_address
from salus.core.membership import Membership
from salus.core.policy import ParticipantRole, ParticipantStatus
from salus.core.state import ParticipantKind

ID = ParticipantId(b"\x01" * 32)
MEMBER = Membership(
    ParticipantStatus.ACTIVE,
    int(ParticipantKind.HOSPITAL),
    ParticipantRole.SOURCE | ParticipantRole.CARE,
    1_827_619_200,
    100,
    to_address(b"\x02" * 20),
    b"\x03" * 32,
    b"\x04" * 32,
    b"\x05" * 64,
    to_address(b"\x06" * 20),
)


def made(folder: Path) -> JoiningKeys:
    keys = JoiningKeys.in_folder(folder)
    keys.make(keystore.LIGHT, x25519.LIGHT)
    return keys


def test_keys__made__open_with_their_passphrase_and_are_their_owners(tmp_path: Path) -> None:
    keys = made(tmp_path / "keys")
    assert keys.signer().address.startswith("0x")
    assert len(keys.encryption_key()) == 32
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "keys").iterdir()} == {0o600}


def test_keys__made_again__are_the_same(tmp_path: Path) -> None:
    first = made(tmp_path)
    before = (first.signer().address, first.encryption_key())
    again = made(tmp_path)
    assert (again.signer().address, again.encryption_key()) == before


def test_kind__as_typed__names_every_kind_of_the_registry() -> None:
    assert {kind.name for kind in Kind} == {kind.name for kind in ParticipantKind}
    assert all(kind.value == kind.name.lower().replace("_", "-") for kind in Kind)


def test_roles__by_name__are_a_mask() -> None:
    assert read_roles("source, CARE") == ParticipantRole.SOURCE | ParticipantRole.CARE
    assert read_roles("public_health") is ParticipantRole.PUBLIC_HEALTH


@pytest.mark.parametrize("text", ["", "source,", "doctor", "source care", "1"])
def test_roles__another_name__is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(InputError, match="there are: source, custody"):
        read_roles(text)


def test_day__as_typed__ends_at_midnight_in_shanghai() -> None:
    assert read_day("2027-11-30") == 1_827_590_400  # 2027-12-01 00:00 +08:00


@pytest.mark.parametrize("text", ["", "30.11.2027", "2027-02-30", "2027-11", "tomorrow", "2027-11-30T00:00"])
def test_day__no_date__is_refused(text: str) -> None:
    with pytest.raises(InputError, match="like 2027-11-30"):
        read_day(text)


def test_digest__of_a_file__is_its_keccak(tmp_path: Path) -> None:
    file = tmp_path / "licence.pdf"
    file.write_bytes(b"licence")
    assert read_digest(str(file)) == keccak(b"licence")
    assert read_digest("0x" + "ab" * 32) == b"\xab" * 32


@pytest.mark.parametrize("text", ["", "gone.pdf", "0x", "0xabcd", "0x" + "zz" * 32])
def test_digest__neither_file_nor_digest__is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_digest(text)


def test_membership__with_a_node__shows_key_and_validator() -> None:
    value = facts(ID, MEMBER)
    assert (value["nodeKey"], value["validator"]) == ("05" * 64, MEMBER.validator)
    assert (value["status"], value["kind"], value["roles"]) == ("ACTIVE", "HOSPITAL", ["SOURCE", "CARE"])
    text = "\n".join(told(ID, MEMBER))
    assert "enode://" + "05" * 64 in text
    assert MEMBER.validator in text


def test_membership__without_a_node__says_none() -> None:
    bare = replace(MEMBER, node_key=bytes(64), validator=ZERO_ADDRESS)
    assert (facts(ID, bare)["nodeKey"], facts(ID, bare)["validator"]) == (None, None)
    assert [line.split()[-1] for line in told(ID, bare)[-2:]] == ["none", "none"]


def test_membership__of_an_applicant__has_no_terms_yet() -> None:
    applied = replace(MEMBER, status=ParticipantStatus.APPLIED, roles=ParticipantRole(0), accredited_until=0)
    text = "\n".join(told(ID, applied))
    assert "APPLIED" in text
    assert "1970" not in text
