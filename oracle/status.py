"""What has become of a message, asked by its control id (MSH-10). Never content, and no name but the sender's own id.

The journal knows a message by a keyed hash of source, MSH-3, MSH-4 and MSH-10. It also keeps, sealed, which pairs of
MSH-3 and MSH-4 have come, a handful for each source: asked for a control id alone, it tries them all. Who names
application and facility needs no such list.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from oracle.hl7.errors import CONDITION_TEXT, Condition
from oracle.journal import message_name, open_sender
from oracle.ports import OperationStore
from oracle.sitekey import SiteKey
from salus.core.did import Did, DidKind
from salus.core.errors import NotFoundError
from salus.core.ids import RecordId, hex32
from salus.core.journal import NO_FAULT, MessageFlag, MessageState, StoredMessage
from salus.core.operations import MadeVersion, MessageStatus

_ADVICE = {
    Condition.SEGMENT_SEQUENCE: "A segment is missing or out of place: have the sender mend it and send it again.",
    Condition.REQUIRED_FIELD_MISSING: "Have the sender fill the field at that place and send it again.",
    Condition.DATA_TYPE: "Have the sender mend the field; for characters set the source's `charset`, then release it.",
    Condition.TABLE_VALUE_NOT_FOUND: "Add the code to the mapping, then release it; or have the sender mend it.",
    Condition.VALUE_TOO_LONG: "Have it sent in parts, or raise the source's limit and have it sent again.",
    Condition.UNSUPPORTED_MESSAGE_TYPE: "No records are made of this type: have it not sent, then discard it.",
    Condition.UNSUPPORTED_EVENT_CODE: "Allow the event in the source's file, or have the sender not send it.",
    Condition.UNSUPPORTED_PROCESSING_ID: "Have the sender set MSH-11 to P, T or D.",
    Condition.UNSUPPORTED_VERSION_ID: "Have the sender use HL7 version 2.",
    Condition.UNKNOWN_KEY: "Nothing here has that number yet: release it once what it refers to has come.",
    Condition.INTERNAL: "The oracle failed on it: look for its key in the oracle's log, report that, then release it.",
}
_PATIENT = "PID-3"
_ADVICE_PATIENT = (
    "No number in it names the patient by `patient` under [identifiers] in the source's file, or it has none: mend the "
    "file and release it; or have the sender fill the field and send it again."
)
_AUTHORITY = ".4"  # component 4 of a CX or XON: the assigning authority
_ADVICE_AUTHORITY = (
    "Name that assigning authority under [identifiers.systems] in the source's file, if this source speaks for it; "
    "then release it."
)
_WAITING = (MessageState.QUARANTINED, MessageState.FAILED)


class Lookup:
    """Finds messages by control id; needs the database and the site key only."""

    def __init__(self, operations: OperationStore, site: SiteKey) -> None:
        self._operations = operations
        self._site = site

    def find(
        self, control_id: str, source: str = "", application: str | None = None, facility: str | None = None
    ) -> list[MessageStatus]:
        """Messages with a control id, in order of arrival; of one source, or of one sender of it.

        Raises:
            NotFoundError: none came, or none from a sender that is known by name: name application and facility.
        """
        named = set(self._named(source, application, facility))
        found = self._operations.statuses(
            message_name(self._site, listener, (app, place, control_id)) for listener, app, place in named
        )
        if not found:
            raise NotFoundError("no message with that control id came from any sender that is known here")
        return found

    def _named(self, source: str, application: str | None, facility: str | None) -> Iterator[tuple[str, str, str]]:
        if source and application is not None and facility is not None:
            yield source, application, facility
            return
        for sender in self._operations.senders(source):
            app, place = open_sender(self._site, sender)
            yield sender.listener, app if application is None else application, place if facility is None else facility


def advice(message: StoredMessage) -> str:
    """What to do about a message that waits for a person; empty for others."""
    if message.state not in _WAITING:
        return ""
    return advice_about(message.fault.code, message.fault.location)


def advice_about(condition: int, location: str) -> str:
    """What to do about a message that stopped with a code of HL7 table 0357 at a place ("PID-3", "MRG-1.4")."""
    known = next((one for one in Condition if one == condition), Condition.INTERNAL)
    if known is Condition.UNKNOWN_KEY and location.endswith(_AUTHORITY):
        return _ADVICE_AUTHORITY
    if known is Condition.REQUIRED_FIELD_MISSING and location == _PATIENT:
        return _ADVICE_PATIENT
    return _ADVICE.get(known, _ADVICE[Condition.INTERNAL])


def condition_name(code: int) -> str:
    """A condition's text in HL7 table 0357."""
    return next((CONDITION_TEXT[one] for one in Condition if one == code), str(code))


def fault_json(message: StoredMessage) -> dict[str, Any] | None:
    """Why a message waits, and what to do; None for one without a fault."""
    if message.fault == NO_FAULT:
        return None
    return {
        "condition": message.fault.code,
        "text": condition_name(message.fault.code),
        "location": message.fault.location,
        "advice": advice(message),
    }


def status_json(status: MessageStatus, chain_id: int) -> dict[str, Any]:
    """A status as commands and the API tell it. `chain_id` 0: the oracle has not run yet, ids stand for DIDs."""
    message = status.message
    return {
        "key": message.key,
        "source": message.listener,
        "kind": message.kind,
        "receivedAt": message.received_at,
        "state": message.state.name.lower(),
        "attempts": message.attempts,
        "flags": sorted(flag.name.lower() for flag in MessageFlag if flag in message.flags and flag.name),
        "duplicateOf": status.of if status.of != message.key else None,
        "result": status.result.name.lower(),
        "fault": fault_json(message),
        "bytesKept": status.kept,
        "records": [_version_json(one, chain_id) for one in status.versions],
        "saidAgain": [_record(one, chain_id) for one in status.confirms],
        "acknowledgment": status.acknowledgment.name.lower() if status.acknowledgment else None,
    }


def _version_json(made: MadeVersion, chain_id: int) -> dict[str, Any]:
    return {
        "record": _record(made.record_id, chain_id),
        "version": made.version,
        "status": made.status.name.lower(),
        "invalid": made.invalid,
        "batch": made.batch or None,
        "batchState": made.batch_state.name.lower() if made.batch_state else "waiting",
        "root": hex32(made.root) if made.root else None,
        "block": made.block or None,
    }


def _record(record_id: RecordId, chain_id: int) -> str:
    return str(Did(chain_id, DidKind.RECORD, record_id)) if chain_id else hex32(record_id)
