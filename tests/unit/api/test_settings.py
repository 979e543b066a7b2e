"""Settings, and what the runtime makes of files."""

import json
from pathlib import Path

import pytest

from api.runtime import FileTitles, _seal_key, _token_key
from api.security.clients import ClientRegistry
from api.settings import read
from api.tables import calendar_date, named
from salus.core.errors import SetupError
from salus.core.hashing import sha256
from salus.core.ids import ParticipantId, hex32
from salus.core.labels import Form
from tests.unit.api.world import StaffKey

ME = hex32(sha256(b"me"))
GOOD = {
    "SALUS_API_PARTICIPANT_ID": ME,
    "SALUS_API_DEPLOYMENT": "deployments/31337.json",
    "SALUS_API_DATABASE_URL": "sqlite:///api.db",
    "SALUS_API_INDEX_URL": "sqlite:///index.db",
    "SALUS_API_OPERATOR_KEYSTORE": "keys/operator.json",
    "SALUS_API_RELAY_KEYSTORES": "keys/relay-1.json, keys/relay-2.json",
    "SALUS_API_PASSPHRASE_FILE": "keys/passphrase",
    "SALUS_API_CONTENT": "content",
    "SALUS_API_CUSTODIANS": "custodians.json",
    "SALUS_API_CLIENTS": "clients.json",
}


def test_settings__required_only__have_defaults() -> None:
    told = read(GOOD)
    assert told.public_url == "http://127.0.0.1:8480"
    assert told.relay_keystores == (Path("keys/relay-1.json"), Path("keys/relay-2.json"))
    assert (told.second_keystore, told.titles, told.regulator) == (None, None, None)
    assert told.token_key == Path("keys/operator.api-token.pem")
    assert told.batch_milliseconds == 250


def test_settings__batch_of_zero__sends_each_request_alone() -> None:
    assert read({**GOOD, "SALUS_API_BATCH_MILLISECONDS": "0"}).batch_milliseconds == 0


@pytest.mark.parametrize("name", sorted(GOOD))
def test_settings__required_one_missing__is_named(name: str) -> None:
    with pytest.raises(SetupError, match=name):
        read({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "x"),
        ("PORT", "0"),
        ("PARTICIPANT_ID", "0x12"),
        ("REGULATOR", "nobody"),
        ("CALLS_PER_ACCOUNT", "-1"),
        ("BATCH_MILLISECONDS", "x"),
    ],
)
def test_settings__malformed__is_named(name: str, value: str) -> None:
    with pytest.raises(SetupError, match=f"SALUS_API_{name}"):
        read({**GOOD, f"SALUS_API_{name}": value})


def test_settings__database_url_in_a_file__is_read(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("sqlite:///elsewhere.db\n")
    without = {key: value for key, value in GOOD.items() if key != "SALUS_API_DATABASE_URL"}
    assert read({**without, "SALUS_API_DATABASE_URL_FILE": str(file)}).database_url == "sqlite:///elsewhere.db"
    with pytest.raises(SetupError):
        read({**without, "SALUS_API_DATABASE_URL_FILE": str(tmp_path / "none")})


def test_keys__not_there__are_made_once_and_private(tmp_path: Path) -> None:
    token, seal = tmp_path / "token.pem", tmp_path / "seal.key"
    first, second = _token_key(token), _token_key(token)
    assert first.private_bytes_raw() == second.private_bytes_raw()
    assert len(_seal_key(seal)) == 32
    assert _seal_key(seal) == _seal_key(seal)
    assert {path.stat().st_mode & 0o777 for path in (token, seal)} == {0o600}


def test_keys__of_another_kind__are_refused(tmp_path: Path) -> None:
    for make in (_token_key, _seal_key):
        path = tmp_path / make.__name__
        path.write_text("nonsense")
        with pytest.raises(SetupError):
            make(path)


def test_registry__file_changed__is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "clients.json"
    path.write_text(json.dumps({"clients": [StaffKey("his").entry(["records:open"])]}))
    registry = ClientRegistry(path)
    with pytest.raises(KeyError):
        registry["laboratory"]
    entries = [StaffKey("his").entry(["records:open"]), StaffKey("laboratory").entry(["audit:read"])]
    path.write_text(json.dumps({"clients": entries}))
    assert registry["laboratory"].client_id == "laboratory"
    path.unlink()
    with pytest.raises(SetupError):
        registry["his"]


def test_titles__unknown_institution__is_called_by_its_first_digits() -> None:
    id_ = ParticipantId(sha256(b"x"))
    assert FileTitles({}).of(id_).en == f"0x{id_.hex()[:8]}…"


def test_tables__numbers_beyond__are_shown_as_they_are() -> None:
    assert named(Form, 9) == "9"
    assert calendar_date(0) is None
    assert calendar_date(1 << 31) is None
