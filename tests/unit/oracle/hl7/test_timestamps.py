from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from oracle.hl7.errors import FieldError
from oracle.hl7.timestamps import Precision, Stamp, civil_day, hl7_stamp, parse_stamp


def _stamp(text: str, zone: timezone = timezone(timedelta(hours=8))) -> Stamp:
    stamp = parse_stamp(text, zone)
    assert stamp is not None
    return stamp


def _day(year: int, month: int, day: int) -> int:
    return (date(year, month, day) - date(1970, 1, 1)).days


@pytest.mark.parametrize(
    ("sent", "fhir", "precision"),
    [
        ("2026", "2026", Precision.YEAR),
        ("202601", "2026-01", Precision.MONTH),
        ("20260101", "2026-01-01", Precision.DAY),
        ("2026010108", "2026-01-01T08:00:00+08:00", Precision.HOUR),
        ("202601010830", "2026-01-01T08:30:00+08:00", Precision.MINUTE),
        ("20260101083000", "2026-01-01T08:30:00+08:00", Precision.SECOND),
        ("20260101083000.1230", "2026-01-01T08:30:00.1230+08:00", Precision.SECOND),
        ("20260101083000-0500", "2026-01-01T08:30:00-05:00", Precision.SECOND),
        ("20260101083000.5+0000", "2026-01-01T08:30:00.5+00:00", Precision.SECOND),
        ("0800", "0800", Precision.YEAR),
    ],
)
def test_parse_stamp__each_precision__is_kept(sent: str, fhir: str, precision: Precision) -> None:
    stamp = _stamp(sent)
    assert (stamp.date_time(), stamp.precision) == (fhir, precision)


@pytest.mark.parametrize("sent", ["", "  ", "0", "00000000", "00000000000000"])
def test_parse_stamp__nothing_sent__is_none(sent: str) -> None:
    assert parse_stamp(sent) is None


@pytest.mark.parametrize(
    "sent",
    ["20261301", "20260230", "2026010125", "20260101083060", "2026-01-01", "today", "202", "20260101+9900", "２０２６"],
)
def test_parse_stamp__no_date__raises(sent: str) -> None:
    with pytest.raises(FieldError):
        parse_stamp(sent)


def test_days__late_evening_elsewhere__is_next_day_in_shanghai() -> None:
    assert _stamp("20260101200000-0500").days() == (_day(2026, 1, 2),) * 2
    assert _stamp("20260101235959").days() == (_day(2026, 1, 1),) * 2


def test_days__partial_dates__cover_all_they_may_mean() -> None:
    assert _stamp("202402").days() == (_day(2024, 2, 1), _day(2024, 2, 29))
    assert _stamp("2024").days() == (_day(2024, 1, 1), _day(2024, 12, 31))


def test_instant__date_only__is_none() -> None:
    assert _stamp("20260101").instant() is None


def test_civil_day__utc_evening__is_next_day() -> None:
    assert civil_day(datetime(2026, 1, 1, 17, tzinfo=UTC)) == _day(2026, 1, 2)


def test_hl7_stamp__aware_moment__has_milliseconds_and_zone() -> None:
    assert hl7_stamp(datetime(2026, 1, 1, 8, 30, 0, 7000, tzinfo=UTC)) == "20260101083000.007+0000"
