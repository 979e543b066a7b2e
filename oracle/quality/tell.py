"""All that one message says of its quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from oracle.hl7.errors import FieldError
from oracle.hl7.message import Message
from oracle.hl7.timestamps import parse_stamp
from oracle.quality.required import missing
from oracle.quality.standard import count_codes, count_demographics, count_units
from salus.core.quality import Told
from salus.core.record import NormalisedGroup


def tell(message: Message, groups: Sequence[NormalisedGroup]) -> Told:
    """Count what a message says and lacks; `groups` is what it was normalised to."""
    counts: Counter[str] = Counter()
    count_demographics(counts, message)
    for group in groups:
        count_codes(counts, group.codes)
        for item in group.items:
            count_codes(counts, item.codes)
        count_units(counts, group.items)
        for kind, asked, lacking in missing(group):
            counts[f"required.{kind}"] += asked
            counts[f"present.{kind}"] += asked - len(lacking)
            for name in lacking:
                counts[f"missing.{kind}.{name}"] += 1
    return Told(
        tuple((measure, count) for measure, count in counts.items() if count),
        sent_at=_moment([message.header.value(7)]),
        issued_at=_moment(obr.value(22) for obr in message.all("OBR")),
    )


def _moment(texts: Iterable[str]) -> int:
    """The latest of some stamps in Unix seconds, 0 for none that names an hour."""
    latest = 0
    for text in texts:
        try:
            stamp = parse_stamp(text) if text else None
        except FieldError:
            continue
        if stamp is not None and stamp.instant():
            latest = max(latest, int(stamp.moment.timestamp()))
    return latest
