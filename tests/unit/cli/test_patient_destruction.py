"""The patient's signature for a destruction, and the file it goes to the institution in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.commands.staff import _agreements
from cli.patient.destruction import agreement, named
from cli.patient.session import PatientSession
from salus.core import signatures
from salus.core.destruction import destruction_digest
from salus.core.errors import InputError
from salus.core.ids import LeafHash, RecordId, from_hex, hex32
from salus.core.retention import AGREEMENT_SECONDS
from salus.flows.custody import ListedRecord
from tests.unit.cli.test_patient_retention import CLINIC, RECORD, SUBJECT, session, told

__all__ = ["session", "told"]
OTHER = RecordId(b"\x0a" * 32)


def listed(record: RecordId, version: int, custodian_set: int = 1) -> ListedRecord:
    leaf = LeafHash(bytes([record[0], version]) + bytes(30))
    return ListedRecord(leaf, record, version, bytes(32), bytes(32), 4, 3, 0, 0, 0, 0, custodian_set)


LISTED = [listed(RECORD, 2, 2), listed(OTHER, 1), listed(RECORD, 1)]


def test_named__by_leaf_or_id__is_the_newest_version_of_each_once() -> None:
    names = [hex32(LISTED[2].leaf), hex32(RECORD), hex32(LISTED[1].leaf)]
    assert named(LISTED, names) == [LISTED[0], LISTED[1]]


@pytest.mark.parametrize("name", ["0x" + "ab" * 32, "nonsense", ""])
def test_named__none_of_the_patients__is_refused(name: str) -> None:
    with pytest.raises(InputError):
        named(LISTED, [name])


def test_agreement__is_the_controllers_of_that_record_and_set(session: PatientSession) -> None:
    signed = agreement(session, CLINIC, LISTED[0])
    domain = session.api.domain("RecordRegistry")
    digest = destruction_digest(domain, CLINIC, RECORD, SUBJECT, 2, signed["deadline"])
    signatures.check(digest, from_hex(signed["signature"], 65), session.controller_of(CLINIC).address)
    assert signed["deadline"] > AGREEMENT_SECONDS
    assert (signed["recordId"], signed["subjectRef"], signed["custodianSet"]) == (hex32(RECORD), hex32(SUBJECT), 2)


def test_agreements__of_a_file_that_is_none__are_refused(tmp_path: Path, session: PatientSession) -> None:
    file = tmp_path / "agreed.json"
    wrong: list[Any] = ["", "{}", "[]", '[{"recordId": "0x"}]', "[1]"]
    for text in wrong:
        file.write_text(text)
        with pytest.raises(InputError, match="no file of agreements"):
            _agreements(file)
    with pytest.raises(InputError):
        _agreements(tmp_path / "absent.json")
