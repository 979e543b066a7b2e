import re
from datetime import timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from oracle.hl7.texts import Language
from oracle.intake.receive import SUPPORTED_EVENTS
from oracle.model import IdentifierRule, LabelRule
from oracle.sources import DueAt, Institution, MllpDoor, Source, read_folder, read_source
from salus.core.errors import SetupError
from salus.core.labels import Category, Confidentiality, Topic
from tests.unit.oracle.sources.certificates import Authority

HERE = Institution("示例医院", "H1", 30)
SMALLEST = 'name = "lis"\n[mllp]\nport = 2575\n'
EVERYTHING = """
name = "his-2"
title = "示例医院门诊"
authority = "H1-OP"
charset = "GBK"
zone = "Asia/Shanghai"
checkup = true
language = "zh"
level = 3
retain_days = 7
max_message_bytes = 73400320
sequence_numbers = true
silence_minutes = 30

[messages]
accept = ["ADT^A01", "ORU"]
ignore_segments = ["ZFX"]
require_segments = ["PID", "PV1"]

[identifiers]
patient = [{ type = "mr", authority = "H1" }, { type = "PI" }]

[identifiers.systems]
H1 = "urn:oid:1.2.156.112605.1"

[mllp]
port = 2576

[mllp.tls]
certificate = "server.pem"
key = "server.key"
client_ca = "test-CA.pem"

[http]
token_file = "his.token"

[batch]
folder = "drop"
settle_seconds = 0.5

[[labels]]
code = "HIV01"
system = "urn:id:LIS"
topics = ["HIV"]
category = "LAB"
level = 5
confidentiality = "V"

[[labels]]
word = "乙肝"
topics = ["HBV"]

[rate]
messages_per_second = 50
burst = 200

[acknowledge]
original = "processed"
application = "anchored"
receipt = true
confirm = false
attempts = 5

[acknowledge.reply_to]
host = "his.example"
port = 6661

[acknowledge.reply_to.tls]
ca = "test-CA.pem"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Authority(tmp_path).issue("server")
    (tmp_path / "his.token").write_text("0123456789abcdef\n")
    (tmp_path / "drop").mkdir()
    return tmp_path


def read(folder: Path, text: str) -> Source:
    file = folder / "one.toml"
    file.write_text(text, encoding="utf-8")
    return read_source(file, HERE, SUPPORTED_EVENTS)


def with_tls(text: str) -> str:
    """The text with a client pinned, which TLS needs."""
    return text.replace("port = 2576\n", 'port = 2576\nclient_names = ["his-2"]\n')


def test_read__smallest_file__takes_the_institutions_words_and_todays_behaviour(tmp_path: Path) -> None:
    found = read(tmp_path, SMALLEST)
    assert (found.name, found.title, found.authority, found.retain_days) == ("lis", "示例医院", "H1", 30)
    assert found.mllp == MllpDoor(2575, "127.0.0.1")
    assert (found.charset, found.zone, found.events, found.rate) == (None, timezone(timedelta(hours=8)), None, None)
    ack = found.acknowledgement
    assert (ack.original, ack.application, ack.receipt, ack.reply_to) == (DueAt.STORED, DueAt.PROCESSED, False, None)


def test_read__every_key__is_in_the_source(folder: Path) -> None:
    found = read(folder, with_tls(EVERYTHING))
    assert (found.title, found.authority, found.charset) == ("示例医院门诊", "H1-OP", "GBK")
    assert (found.zone, found.is_checkup, found.language) == (ZoneInfo("Asia/Shanghai"), True, Language.CHINESE)
    assert (found.level, found.retain_days, found.max_message_bytes) == (3, 7, 70 * 1024 * 1024)
    assert (found.sequence_numbers, found.silence_minutes) == (True, 30)
    assert found.events == {("ADT", "A01"), ("ORU", "")}
    assert (found.ignored_segments, found.required_segments) == ({"ZFX"}, ("PID", "PV1"))
    assert found.patient == (IdentifierRule("MR", "H1"), IdentifierRule("PI", ""))
    assert found.systems == (("H1", "urn:oid:1.2.156.112605.1"),)
    assert found.mllp is not None
    assert found.mllp.tls is not None
    assert found.mllp.names == {"his-2"}
    assert found.token == "0123456789abcdef"
    assert found.batch is not None
    assert (found.batch.folder, found.batch.settle_seconds) == (folder / "drop", 0.5)
    assert found.labels.rules == (
        LabelRule("urn:id:LIS", "HIV01", "", Topic.HIV, Category.LAB, 5, Confidentiality.V),
        LabelRule(word="乙肝", topics=Topic.HBV),
    )
    assert found.rate is not None
    assert (found.rate.per_second, found.rate.burst) == (50.0, 200)
    ack = found.acknowledgement
    assert (ack.original, ack.application, ack.receipt, ack.confirm) == (DueAt.PROCESSED, DueAt.ANCHORED, True, False)
    assert ack.reply_to is not None
    assert (ack.attempts, ack.reply_to.host, ack.reply_to.port) == (5, "his.example", 6661)


def test_takes__code_and_event__as_listed(folder: Path) -> None:
    found = read(folder, with_tls(EVERYTHING))
    assert found.takes("ADT", "A01")
    assert found.takes("ORU", "R01")
    assert not found.takes("ADT", "A08")
    assert not found.takes("MDM", "T02")


@pytest.mark.parametrize(
    ("old", "new", "key", "allowed"),
    [
        ('name = "his-2"', "", "name", "is missing"),
        ('name = "his-2"', 'name = "HIS 2"', "name", "a-z, 0-9 and -"),
        ('name = "his-2"', "name = 7", "name", "must be a text"),
        ('charset = "GBK"', 'charset = "EBCDIC"', "charset", "UTF-8, GB18030"),
        ('zone = "Asia/Shanghai"', 'zone = "Asia/Nowhere"', "zone", '"+08:00"'),
        ('zone = "Asia/Shanghai"', 'zone = "+25:00"', "zone", '"+08:00"'),
        ('language = "zh"', 'language = "fr"', "language", 'one of "zh", "en"'),
        ("level = 3", "level = 6", "level", "0 to 5"),
        ("level = 3", "level = true", "level", "whole number"),
        ("checkup = true", 'checkup = "yes"', "checkup", "true or false"),
        ("retain_days = 7", "retain_days = -1", "retain_days", "from 0"),
        ("max_message_bytes = 73400320", "max_message_bytes = 1_000_000_000", "max_message_bytes", "to 100663296"),
        ("level = 3", "leveI = 3", "leveI", "is not a key here; allowed: name"),
        ('"ADT^A01"', '"ADT^A99"', "messages.accept", "ADT (A01"),
        ('"ORU"]', '"XYZ"]', "messages.accept", "no supported message"),
        ('accept = ["ADT^A01", "ORU"]', "accept = []", "messages.accept", "must not be empty"),
        ('ignore_segments = ["ZFX"]', 'ignore_segments = ["MSH"]', "messages.ignore_segments", "no segment name"),
        ('["PID", "PV1"]', '"PID"', "messages.require_segments", "must be a list"),
        ('{ type = "PI" }', "{ }", "identifiers.patient[2].type", "must be given"),
        ('{ type = "PI" }', '{ kind = "PI" }', "identifiers.patient[2].kind", "is not a key here"),
        ('"urn:oid:1.2.156.112605.1"', '"hospital"', "identifiers.systems.H1", "must be a URI"),
        ("port = 2576", "port = 70000", "mllp.port", "from 0 to 65535"),
        ("port = 2576", 'port = 2576\nhost = "a b"', "mllp.host", "host name or an address"),
        ("port = 2576", 'port = 2576\nclient_fingerprints = ["ab"]', "mllp.client_fingerprints", "64 hex digits"),
        ('key = "server.key"', 'key = "none.key"', "mllp.tls.key", "must name a file that exists"),
        ('key = "server.key"', 'key = "his.token"', "mllp.tls", "PEM files of one pair"),
        ('client_ca = "test-CA.pem"', 'client_ca = "his.token"', "mllp.tls", "PEM file of CA"),
        ('token_file = "his.token"', 'token_file = "server.pem"', "http.token_file", "16 characters or more"),
        ('code = "HIV01"', "", "labels[1].code", "or word must be given"),
        ('topics = ["HIV"]', 'topics = ["AIDS"]', "labels[1].topics", "is none of"),
        ('category = "LAB"', 'category = "XYZ"', "labels[1].category", "must be one of"),
        ('confidentiality = "V"', 'confidentiality = "X"', "labels[1].confidentiality", '"U", "L"'),
        ('topics = ["HBV"]', "", "labels[2].topics", "must say what it means"),
        ('word = "乙肝"', 'word = "!"', "labels[2].word", "must have a letter"),
        ('folder = "drop"', 'folder = "none"', "batch.folder", "must name a folder that exists"),
        ("messages_per_second = 50", "messages_per_second = 0", "rate.messages_per_second", "must be a number from"),
        ('original = "processed"', 'original = "anchored"', "acknowledge.original", '"stored", "processed"'),
        ("attempts = 5", "attempts = 0", "acknowledge.attempts", "from 1"),
        ('tls]\nca = "test-CA.pem"', 'tls]\nca = "his.token"', "acknowledge.reply_to.tls", "PEM files"),
        ('host = "his.example"\n', "", "acknowledge.reply_to.host", "is missing"),
    ],
)
def test_read__wrong_value__names_file_key_and_what_is_allowed(
    folder: Path, old: str, new: str, key: str, allowed: str
) -> None:
    text = with_tls(EVERYTHING)
    assert old in text
    with pytest.raises(SetupError, match=rf"^one\.toml: {re.escape(key)}: .*{re.escape(allowed)}"):
        read(folder, text.replace(old, new, 1))


@pytest.mark.parametrize("name", ["x" * 300, "a\\u0000b", "/", "."])
def test_read__path_that_no_file_can_have__is_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(SetupError, match=r"one\.toml: http\.token_file: must name a file that exists"):
        read(tmp_path, f'name = "lis"\n[http]\ntoken_file = "{name}"\n')


def test_read__tls_without_a_pinned_client__is_refused(folder: Path) -> None:
    with pytest.raises(SetupError, match=r"one\.toml: mllp\.client_fingerprints: or client_names must say"):
        read(folder, EVERYTHING)


def test_read__pinned_client_without_tls__is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"one\.toml: mllp\.tls: must be there"):
        read(tmp_path, SMALLEST + 'client_names = ["lis"]\n')


def test_read__no_way_in__is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"one\.toml: needs a way in"):
        read(tmp_path, 'name = "lis"\n')


def test_read__closed__is_no_way_in_but_its_messages_are_still_read_by_its_rules(folder: Path) -> None:
    found = read(folder, "closed = true\n" + with_tls(EVERYTHING))
    assert (found.mllp, found.token, found.batch) == (None, None, None)
    assert found.patient


def test_read__not_toml__says_where(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"one\.toml: is not TOML in UTF-8: .*line 1"):
        read(tmp_path, "name = lis")


def _folder(tmp_path: Path, **files: str) -> tuple[Source, ...]:
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    return read_folder(tmp_path, HERE, SUPPORTED_EVENTS)


def test_folder__several_files__are_in_the_order_of_their_names(tmp_path: Path) -> None:
    found = _folder(tmp_path, b=SMALLEST.replace("lis", "b").replace("2575", "2576"), a=SMALLEST)
    assert [source.name for source in found] == ["lis", "b"]


def test_folder__each_wrong_file__has_a_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as refused:
        _folder(tmp_path, a="name = 1", b=SMALLEST + "x = 1\n", c=SMALLEST)
    lines = str(refused.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["a.toml", "b.toml"]


@pytest.mark.parametrize(
    ("other", "line"),
    [
        (SMALLEST.replace("2575", "2576"), "a.toml, b.toml: name: must differ"),
        (SMALLEST.replace("lis", "ris"), "a.toml, b.toml: mllp.port: is shared only"),
        (SMALLEST.replace("lis", "ris") + 'host = "::1"\n', "a.toml, b.toml: mllp.host: must be the same"),
    ],
)
def test_folder__files_that_contradict__are_both_named(tmp_path: Path, other: str, line: str) -> None:
    with pytest.raises(SetupError, match=re.escape(line)):
        _folder(tmp_path, a=SMALLEST, b=other)


def test_folder__same_token__is_refused(folder: Path) -> None:
    text = 'name = "{}"\n[http]\ntoken_file = "his.token"\n'
    with pytest.raises(SetupError, match=r"http\.token_file: each sender needs a token of its own"):
        _folder(folder, a=text.format("a"), b=text.format("b"))


def test_folder__shared_tls_port__needs_different_certificates(folder: Path) -> None:
    text = (
        'name = "{}"\n[mllp]\nport = 2575\nclient_names = ["{}"]\n[mllp.tls]\ncertificate = "server.pem"\n'
        'key = "server.key"\nclient_ca = "test-CA.pem"\n'
    )
    assert len(_folder(folder, a=text.format("a", "his"), b=text.format("b", "lis"))) == 2
    with pytest.raises(SetupError, match=r"mllp\.client_names: a common name can be one sender's only"):
        _folder(folder, a=text.format("a", "his"), b=text.format("b", "his"))


def test_folder__empty__is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"holds no \*\.toml file"):
        read_folder(tmp_path, HERE, SUPPORTED_EVENTS)
