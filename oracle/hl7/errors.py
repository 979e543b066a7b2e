"""What can be wrong with an HL7 v2 message, and how the sender is told.

    HL7Error
    ├── FrameError            no usable message between the frame bytes            AR 100
    │   └── TooLargeError     longer than the limit                                AR 104
    ├── CharsetError          the bytes are text in no acceptable character set    AE 102
    ├── StructureError        MSH or a segment is not built as the standard says   AR 100
    │   └── LimitError        too many segments or fields                          AR 104
    ├── MissingFieldError     a required field is empty                            AE 101
    ├── FieldError            a field can't be read as its data type               AE 102
    ├── UnsupportedError      message type, event, processing id or version        AR 200 to 203
    └── BusyError             the receiver can't store the message now             AE 207

One table turns an error into a reply: the class gives acknowledgment code (HL7 table 0008) and error condition
(table 0357). Messages name segments and fields, never their content.
Source: HL7 v2.9 section 2.9.2 (acknowledgment), section 2.15.5 (ERR), tables 0008, 0357 and 0516.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import ClassVar


class AckCode(Enum):
    """HL7 table 0008: application codes, and commit codes of enhanced mode."""

    ACCEPT = "AA"
    ERROR = "AE"
    REJECT = "AR"
    COMMIT_ACCEPT = "CA"
    COMMIT_ERROR = "CE"
    COMMIT_REJECT = "CR"

    @property
    def commit(self) -> AckCode:
        """The commit code that says the same of a message's reception."""
        return {"AA": AckCode.COMMIT_ACCEPT, "AE": AckCode.COMMIT_ERROR, "AR": AckCode.COMMIT_REJECT}.get(
            self.value, self
        )


class Condition(IntEnum):
    """HL7 table 0357, message error condition codes."""

    ACCEPTED = 0
    SEGMENT_SEQUENCE = 100
    REQUIRED_FIELD_MISSING = 101
    DATA_TYPE = 102
    TABLE_VALUE_NOT_FOUND = 103
    VALUE_TOO_LONG = 104
    UNSUPPORTED_MESSAGE_TYPE = 200
    UNSUPPORTED_EVENT_CODE = 201
    UNSUPPORTED_PROCESSING_ID = 202
    UNSUPPORTED_VERSION_ID = 203
    UNKNOWN_KEY = 204
    DUPLICATE_KEY = 205
    RECORD_LOCKED = 206
    INTERNAL = 207


CONDITION_TEXT = {
    Condition.ACCEPTED: "Message accepted",
    Condition.SEGMENT_SEQUENCE: "Segment sequence error",
    Condition.REQUIRED_FIELD_MISSING: "Required field missing",
    Condition.DATA_TYPE: "Data type error",
    Condition.TABLE_VALUE_NOT_FOUND: "Table value not found",
    Condition.VALUE_TOO_LONG: "Value too long",
    Condition.UNSUPPORTED_MESSAGE_TYPE: "Unsupported message type",
    Condition.UNSUPPORTED_EVENT_CODE: "Unsupported event code",
    Condition.UNSUPPORTED_PROCESSING_ID: "Unsupported processing id",
    Condition.UNSUPPORTED_VERSION_ID: "Unsupported version id",
    Condition.UNKNOWN_KEY: "Unknown key identifier",
    Condition.DUPLICATE_KEY: "Duplicate key identifier",
    Condition.RECORD_LOCKED: "Application record locked",
    Condition.INTERNAL: "Application internal error",
}


@dataclass(frozen=True, slots=True)
class Location:
    """Where in a message: segment name, its occurrence (from 1), field, repetition, component; 0 means not said."""

    segment: str = ""
    occurrence: int = 1
    field: int = 0
    repetition: int = 0
    component: int = 0

    def __str__(self) -> str:
        if not self.segment:
            return "message"
        place = self.segment if self.occurrence == 1 else f"{self.segment}[{self.occurrence}]"
        if self.field:
            place += f"-{self.field}"
        return f"{place}.{self.component}" if self.component else place


def location_of(text: str) -> Location:
    """The place that `str` of a location names; an empty one if it names none."""
    found = _PLACE.fullmatch(text)
    if found is None:
        return Location()
    return Location(found[1], int(found[2] or 1), int(found[3] or 0), 0, int(found[4] or 0))


_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[(\d{1,6})\])?(?:-(\d{1,4})(?:\.(\d{1,4}))?)?", re.ASCII)


class HL7Error(Exception):
    """A message can't be taken as it is."""

    ack: ClassVar[AckCode] = AckCode.ERROR
    default_condition: ClassVar[Condition] = Condition.INTERNAL

    def __init__(self, text: str, location: Location | None = None, *, condition: Condition | None = None) -> None:
        self.location = location or Location()
        self.condition = condition if condition is not None else self.default_condition
        self.text = text
        super().__init__(f"{self.location}: {text}")


class FrameError(HL7Error):
    """The bytes between the frame marks are no message."""

    ack = AckCode.REJECT
    default_condition = Condition.SEGMENT_SEQUENCE


class TooLargeError(FrameError):
    """The message is longer than the limit; raise the source's limit or send documents by reference."""

    default_condition = Condition.VALUE_TOO_LONG


class CharsetError(HL7Error):
    """The bytes are text in no acceptable character set; set the source's character set or fix MSH-18."""

    default_condition = Condition.DATA_TYPE


class StructureError(HL7Error):
    """MSH or a segment is not built as the standard says."""

    ack = AckCode.REJECT
    default_condition = Condition.SEGMENT_SEQUENCE


class LimitError(StructureError):
    """The message has more segments or fields than the limit."""

    default_condition = Condition.VALUE_TOO_LONG


class MissingFieldError(HL7Error):
    """A required field is empty."""

    default_condition = Condition.REQUIRED_FIELD_MISSING


class FieldError(HL7Error):
    """A field can't be read as its data type."""

    default_condition = Condition.DATA_TYPE


class UnsupportedError(HL7Error):
    """This receiver has no use for the message type, event, processing id or version."""

    ack = AckCode.REJECT
    default_condition = Condition.UNSUPPORTED_MESSAGE_TYPE


class BusyError(HL7Error):
    """The receiver can't store the message now; send it again later."""

    default_condition = Condition.INTERNAL
