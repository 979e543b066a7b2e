"""An application acknowledgment: when it is due, whether the sender wants it, and what it says.

| became of the message | MSA-1 | besides |
| --- | --- | --- |
| records, or nothing new | AA | with `receipt`: ZSL segments |
| it waits for a person, or failed here | AE | ERR with condition and place, never content |

ZSL (ours) is one segment per batch, and one for records not anchored yet:

    ZSL-1 number of the segment   ZSL-2 DIDs of records (repeating)   ZSL-3 number of the batch   ZSL-4 its root, 0x…

MSH-15 is AL when the source confirms, else NE; MSH-16 is NE, for nobody acknowledges an acknowledgment twice.
Source: HL7 v2.5.1 sections 2.9.3.3 and 2.15.8; table 0008.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from oracle.hl7.ack import build_ack, header_from_bytes
from oracle.hl7.errors import AckCode
from oracle.hl7.escapes import escape
from oracle.hl7.separators import Separators
from oracle.intake.ports import Result
from oracle.intake.reception import error_of
from oracle.journal import name_of, open_owed
from oracle.replies.ports import Outgoing
from oracle.sitekey import SiteKey
from oracle.sources import DueAt, Source
from salus.core.acks import OwedAck
from salus.core.did import Did, DidKind


class Composer:
    """Composes acknowledgments of one oracle. `now` is aware."""

    def __init__(self, site: SiteKey, chain_id: int, now: Callable[[], datetime]) -> None:
        self._site = site
        self._chain_id = chain_id
        self._now = now

    def is_due(self, ack: OwedAck, source: Source) -> bool:
        """Whether the message has come as far as its source wants to be told."""
        return ack.anchored if source.acknowledgement.application is DueAt.ANCHORED else ack.processed

    def compose(self, ack: OwedAck, source: Source) -> Outgoing | None:
        """The acknowledgment of a message that has come far enough; None when its sender asked not to be told.

        Raises:
            IntegrityError: the header was kept under another site key, or is damaged.
        """
        name = name_of(ack.message_hash, ack.raw_hash)
        header = header_from_bytes(open_owed(self._site, name, ack.sealed))
        if not header.asked.application.wants(success=ack.success):
            return None
        error = (
            None if ack.success else error_of(Result(success=False, code=ack.fault.code, location=ack.fault.location))
        )
        asked = source.acknowledgement
        control_id = f"A{ack.key}"
        message = build_ack(
            header,
            AckCode.ACCEPT if error is None else AckCode.ERROR,
            now=self._now(),
            control_id=control_id,
            error=error,
            language=source.language,
            confirm=asked.confirm,
            more=self._receipt(ack, header.separators) if asked.receipt and ack.success else (),
        )
        return Outgoing(name, control_id, message)

    def _receipt(self, ack: OwedAck, marks: Separators) -> list[tuple[str, ...]]:
        batches: dict[tuple[int, bytes], list[str]] = {}
        for one in ack.records:
            did = escape(str(Did(self._chain_id, DidKind.RECORD, one.record_id)), marks)
            dids = batches.setdefault((one.batch, one.root or b""), [])
            if did not in dids:
                dids.append(did)
        return [
            ("ZSL", str(place), marks.repetition.join(dids), *((str(batch), f"0x{root.hex()}") if root else ()))
            for place, ((batch, root), dids) in enumerate(batches.items(), start=1)
        ]
