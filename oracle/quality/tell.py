"""All that one message says of its quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from oracle.hl7.errors import FieldError
from oracle.hl7.message import Message
from oracle.hl7.timestamps import parse_stamp
from oracle.quality.required import missing, missing_of_result
from oracle.quality.standard import count_demographics, count_results, is_known_unit, weight_of
from salus.core.quality import Told
from salus.core.record import DraftStatus, NormalisedGroup


def tell(message: Message, groups: Sequence[NormalisedGroup]) -> Told:
    """Count what a message says and lacks; `groups` is what it was normalised to."""
    counts: Counter[str] = Counter()
    count_demographics(counts, message)
    count_results(counts, message)
    for group in groups:
        asked, lacking = missing(group)
        if asked:
            _require(counts, group.kind, asked, lacking)
        _count_items(counts, group)
    return Told(
        tuple((measure, count) for measure, count in counts.items() if count),
        sent_at=_moment([message.header.value(7)]),
        issued_at=_moment(obr.value(22) for obr in message.all("OBR")),
    )


def _count_items(counts: Counter[str], group: NormalisedGroup) -> None:
    """One pass over what may be thousands of results, most of them numbers; written out, for calls would cost most.

    Of a document only its type counts: labelling gets its titles as codes too.
    """
    codes = known_codes = units = known_units = asked = 0
    lacking: list[str] = []
    is_report = group.kind == "report" and group.status is not DraftStatus.ENTERED_IN_ERROR
    for code in group.codes[:1] if group.kind == "document" else group.codes:
        sent, known = weight_of(code.system)
        codes += sent
        known_codes += known and code.code != ""
    for item in group.items:
        for code in item.codes:
            sent, known = weight_of(code.system)
            codes += sent
            known_codes += known and code.code != ""
        amount = item.resource.get("valueQuantity")
        if amount is not None and "unit" in amount:
            units += 1
            known_units += is_known_unit(amount.get("system"), amount["unit"])
        if is_report:
            asked += missing_of_result(item, lacking)
    counts["codes"] += codes
    counts["codes.known"] += known_codes
    counts["units"] += units
    counts["units.known"] += known_units
    if asked:
        _require(counts, "result", asked, lacking)


def _require(counts: Counter[str], kind: str, asked: int, lacking: Sequence[str]) -> None:
    counts[f"required.{kind}"] += asked
    counts[f"present.{kind}"] += asked - len(lacking)
    for name in lacking:
        counts[f"missing.{kind}.{name}"] += 1


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
