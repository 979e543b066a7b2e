"""Each combination of MSH-15 and MSH-16, through the reception: what goes back, and what is owed."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import pytest

from oracle.hl7.ack import Header, header_from_bytes, header_to_bytes
from oracle.hl7.errors import AckCode, BusyError, location_of
from oracle.hl7.modes import Asked, When, asked_by
from oracle.hl7.separators import Separators
from oracle.hl7.texts import Language
from oracle.intake.ports import Peer, Result, Taken
from oracle.intake.receive import Received
from oracle.intake.reception import Reception
from oracle.sources import Acknowledgement, DueAt, ReplyTo, Source

VALUES = ("", "AL", "NE", "ER", "SU")
PEER = Peer("mllp", "10.0.0.7", "his", 3)
HIS = Source("his", "示例医院", "H1")
NAME = b"n" * 64


class Store:
    """A journal that keeps a list; the first `failures` messages can't be stored."""

    def __init__(self, failures: int = 0) -> None:
        self.kept: list[Received] = []
        self._failures = failures

    def append(self, received: Received, peer: Peer) -> asyncio.Future[bytes]:
        if self._failures:
            self._failures -= 1
            raise BusyError("full")
        self.kept.append(received)
        stored: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        stored.set_result(NAME)
        return stored


class Known:
    """Results that are known already."""

    def __init__(self, result: Result | None) -> None:
        self._result = result

    def of(self, name: bytes) -> asyncio.Future[Result | None]:
        assert name == NAME
        told: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
        told.set_result(self._result)
        return told


def message(accept: str = "", application: str = "", kind: str = "ORU^R01") -> bytes:
    return f"MSH|^~\\&|LIS|H1|ESB|H2|20260101||{kind}|42|P|2.5.1|||{accept}|{application}\rPID|1||7\r".encode()


def take(
    raw: bytes,
    store: Store | None = None,
    source: Source = HIS,
    result: Result | None = None,
    peer: Peer = PEER,
    expected: Callable[[bytes, Peer], None] = lambda _name, _peer: None,
) -> Taken:
    numbers = count(1)

    async def case() -> Taken:
        reception = Reception(
            store or Store(),
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            next_control_id=lambda: f"R{next(numbers)}",
            source_of=lambda _: source,
            expect_reply=expected,
            results=Known(result),
        )
        return await reception.take(raw, peer)

    return asyncio.run(case())


def code_of(taken: Taken) -> str:
    return taken.reply.split(b"MSA|")[1][:2].decode() if taken.reply else ""


@pytest.mark.parametrize("application", VALUES)
@pytest.mark.parametrize("accept", VALUES)
def test_good_message__each_pair__gets_the_accept_it_asks_for(accept: str, application: str) -> None:
    store = Store()
    taken = take(message(accept, application), store)
    original = not accept and not application
    expected = "AA" if original else "CA" if accept in ("AL", "SU") else ""
    assert code_of(taken) == expected
    assert taken.owed == (application in ("AL", "ER", "SU"))
    assert bool(store.kept[0].owed) == taken.owed
    assert len(store.kept) == 1


@pytest.mark.parametrize("application", VALUES)
@pytest.mark.parametrize("accept", VALUES)
@pytest.mark.parametrize(("kind", "commit"), [("XXX^R01", "CR"), ("", "CE")])
def test_refused_message__each_pair__gets_the_accept_it_asks_for_and_nothing_is_owed(
    accept: str, application: str, kind: str, commit: str
) -> None:
    store = Store()
    taken = take(message(accept, application, kind), store)
    original = not accept and not application
    expected = commit.replace("C", "A") if original else commit if accept in ("AL", "ER") else ""
    assert code_of(taken) == expected
    assert (taken.owed, store.kept) == (False, [])
    if taken.reply:
        assert b"\rERR|" in taken.reply


def test_enhanced__undecodable_but_stored__is_ca_and_the_rest_is_the_applications_to_tell() -> None:
    taken = take(message("AL", "AL") + b"\xff\xff")
    assert (code_of(taken), taken.owed) == ("CA", True)
    assert code_of(take(message() + b"\xff\xff")) == "AE"


def test_enhanced__not_stored_now__is_ce_207() -> None:
    taken = take(message("AL", "AL"), Store(failures=1))
    assert (code_of(taken), taken.busy) == ("CE", True)
    assert b"207^" in taken.reply


@pytest.mark.parametrize("accept", ["NE", "SU"])
def test_enhanced__failure_that_could_not_be_told__is_tried_until_it_is_stored(accept: str) -> None:
    store = Store(failures=2)
    taken = take(message(accept, "NE"), store)
    assert (len(store.kept), taken.busy, code_of(taken)) == (1, False, "CA" if accept == "SU" else "")


def test_enhanced__owed__names_the_connection_and_keeps_the_header() -> None:
    expected: list[tuple[bytes, int]] = []
    store = Store()
    take(message("AL", "ER"), store, expected=lambda name, peer: expected.append((name, peer.connection)))
    assert expected == [(NAME, 3)]
    kept = header_from_bytes(store.kept[0].owed)
    assert (kept.control_id, kept.asked) == ("42", Asked(enhanced=True, accept=When.ALWAYS, application=When.ERROR))
    assert store.kept[0].transport == "mllp"


def test_owed__from_a_file__only_with_a_second_connection() -> None:
    peer = Peer("file", "", "his")
    assert not take(message("AL", "AL"), peer=peer).owed
    other = Source("his", "x", "H1", acknowledgement=Acknowledgement(reply_to=ReplyTo("h", 1)))
    assert take(message("AL", "AL"), source=other, peer=peer).owed


WAITING = Source("his", "示例医院", "H1", acknowledgement=Acknowledgement(original=DueAt.PROCESSED))


def test_original__once_processed__tells_whether_a_record_was_made() -> None:
    assert code_of(take(message(), source=WAITING, result=Result(success=True))) == "AA"
    taken = take(message(), source=WAITING, result=Result(success=False, code=101, location="PID-3"))
    assert code_of(taken) == "AE"
    assert b"\rERR||PID^1^3^1|101^Required field missing^HL70357|E|" in taken.reply


def test_original__not_processed_in_time__is_ae_207_so_the_sender_asks_again() -> None:
    taken = take(message(), source=WAITING, result=None)
    assert (code_of(taken), taken.busy, taken.name) == ("AE", True, NAME)


def test_original__once_processed__enhanced_mode_does_not_wait() -> None:
    assert code_of(take(message("AL", "NE"), source=WAITING, result=None)) == "CA"


def test_err__chinese_source__is_told_in_chinese_with_the_same_codes() -> None:
    source = Source("his", "示例医院", "H1", language=Language.CHINESE, required_segments=("PV1",))
    reply = take(message(), source=source).reply.decode()
    assert "\rERR||PV1^1|100^消息段顺序错误或缺少必需的消息段^HL70357|E||||缺少该来源必须发送的消息段" in reply


def test_err__chinese_source_but_ascii_reply__is_told_in_english() -> None:
    source = Source("his", "示例医院", "H1", charset="ASCII", language=Language.CHINESE, required_segments=("PV1",))
    assert b"a segment this source must send is missing" in take(message(), source=source).reply


def test_event_rule__of_the_source__is_ar_201() -> None:
    source = Source("his", "示例医院", "H1", events=frozenset({("ADT", "")}))
    taken = take(message(), source=source)
    assert code_of(taken) == "AR"
    assert b"|201^" in taken.reply


def test_asked_by__odd_values__are_always() -> None:
    assert asked_by("al", "x") == Asked(enhanced=True, accept=When.ALWAYS, application=When.ALWAYS)
    assert asked_by("", "AL").accept is When.NEVER
    assert asked_by('""', " ") == Asked()


def test_header__kept_and_read__is_the_same() -> None:
    header = Header(Separators("#", "*"), "王", control_id="1|2", application_ack="SU", codec="gb18030")
    assert header_from_bytes(header_to_bytes(header)) == header


@pytest.mark.parametrize("text", ["MSH", "PID-3", "OBX[12]-5.2", "PV1[3]", "message", "", "source"])
def test_location_of__text__is_read_back(text: str) -> None:
    found = location_of(text)
    assert str(found) == (text if found.segment else "message")
    assert bool(found.segment) == text.startswith(("MSH", "PID", "OBX", "PV1"))


def test_ack_code__commit__has_one_for_each_application_code() -> None:
    assert [AckCode(code).commit.value for code in ("AA", "AE", "AR", "CA")] == ["CA", "CE", "CR", "CA"]
