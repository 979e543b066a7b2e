"""What the oracle makes of a message: drafts of record versions, before they are sealed.

Record grain (DESIGN section 5): ADT gives one encounter record per visit and one demographics record per subject;
ORU one record per OBR group with every level-5 item split into a record of its own; MDM one per document.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from salus.core.labels import Form, Labels


class DraftStatus(Enum):
    """How a draft relates to what the source said before about the same record."""

    CURRENT = "current"
    CORRECTED = "corrected"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True)
class RecordDraft:
    """One record version to be: clinical content with its labels and the source's own keys.

    `record_key` is the source's own key for the record and `subject_key` its key for the patient; both stay at the
    source and reach the chain only as HMACs. `content` is a FHIR R4 resource or collection Bundle (a plain dict,
    decimals as `decimal.Decimal`). `first_day` and `last_day` are civil days in Asia/Shanghai counted from 1970-01-01;
    0 means undated. `kind` is a short word for people: "encounter", "demographics", "report", "document".
    """

    record_key: str
    subject_key: str
    kind: str
    content: dict[str, Any]
    labels: Labels
    first_day: int
    last_day: int
    status: DraftStatus = DraftStatus.CURRENT
    form: Form = Form.IDENTIFIED

    def __post_init__(self) -> None:
        if not self.record_key or not self.subject_key:
            raise ValueError("a draft needs a record key and a subject key")
        if self.first_day > self.last_day:
            raise ValueError(f"first day {self.first_day} is after last day {self.last_day}")
