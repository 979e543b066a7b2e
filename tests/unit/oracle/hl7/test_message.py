import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.hl7.errors import FieldError, HL7Error, LimitError, StructureError
from oracle.hl7.escapes import escape, unescape
from oracle.hl7.message import Limits, Message, Segment, parse
from oracle.hl7.separators import STANDARD, Separators, separators_of

MSH = "MSH|^~\\&|LIS|H1|ESB|H2|20260101083000||ORU^R01^ORU_R01|42|P|2.5.1"


def _segment(message: Message, name: str) -> Segment:
    found = message.first(name)
    assert found is not None
    return found


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r", "\n\r"])
def test_parse__any_line_end__gives_the_same_segments(end: str) -> None:
    message = parse(end.join((MSH, "PID|1||7", "OBR|1")) + end)
    assert [segment.name for segment in message.segments] == ["MSH", "PID", "OBR"]
    assert message.folded == 0


def test_parse__msh__numbers_count_the_separator() -> None:
    header = parse(MSH).header
    assert (header.value(1), header.field(2), header.value(3), header.value(9, 2)) == ("|", "^~\\&", "LIS", "R01")
    assert parse(MSH).type == ("ORU", "R01")
    assert parse(MSH).control_id == "42"


def test_value__repetitions_components_subcomponents__by_hl7_numbers() -> None:
    pid = _segment(parse(f"{MSH}\rPID|1||A^^^H1&1.2.3&ISO^MR~B^^^H2^PI||徐&静^Q"), "PID")
    first, second = pid.repetitions(3)
    assert (first.value(1), first.value(4), first.value(4, 2), first.value(4, 3)) == ("A", "H1", "1.2.3", "ISO")
    assert (second.value(1), second.value(5)) == ("B", "PI")
    assert (pid.value(3, 5), pid.value(5, 1, 2), pid.value(5, 2), pid.value(99)) == ("MR", "静", "Q", "")


def test_value__explicit_null__reads_empty_but_is_told_apart() -> None:
    pid = _segment(parse(f'{MSH}\rPID|1||A||""|||M|""^x'), "PID")
    assert pid.value(5) == ""
    assert pid.is_null(5)
    assert not pid.is_null(6)
    assert pid.repetitions(5) == []
    assert (pid.value(9, 1), pid.value(9, 2)) == ("", "x")


def test_parse__custom_separators__are_used() -> None:
    message = parse("MSH#*@!%#LIS#H1#ESB#H2#2026##ORU*R01#42#P#2.3\rPID#1##A***H1%1.2*MR@B##x!S!y")
    pid = _segment(message, "PID")
    assert message.type == ("ORU", "R01")
    assert [one.value(1) for one in pid.repetitions(3)] == ["A", "B"]
    assert pid.value(3, 4, 2) == "1.2"
    assert pid.value(5) == "x*y"


def test_separators__truncation_character__is_fifth() -> None:
    assert separators_of("MSH|^~\\&#|x").truncation == "#"


@pytest.mark.parametrize(
    "header",
    [
        "MSH|^|x",
        "MSH|^^~&|x",
        "MSH|abcd|x",
        "MSH|^~\\&#$|x",
        "MSHA^~\\&A",
        "MSH ^~\\& x",
        "MSH\x00^~\\&\x00",
        "MSH|^～|x",
    ],
)
def test_separators__unusable__raises(header: str) -> None:
    with pytest.raises(FieldError):
        separators_of(header)


@pytest.mark.parametrize("text", ["", "PID|1", "M", "hello", "MSH", "MSH|", "\x00MSH|^~\\&|"])
def test_parse__no_header__raises(text: str) -> None:
    with pytest.raises(StructureError):
        parse(text)


@pytest.mark.parametrize("text", [f"FHS|^~\\&|\r{MSH}", f"BHS|^~\\&|\r{MSH}", f"{MSH}\r{MSH}"])
def test_parse__several_messages__raises(text: str) -> None:
    with pytest.raises(StructureError):
        parse(text)


def test_parse__raw_line_break_in_text__stays_in_the_field() -> None:
    message = parse(f"{MSH}\rOBX|1|TX|a||第一行\n第二行\n\rOBX|2|TX|b||x")
    assert [one.value(5) for one in message.all("OBX")] == ["第一行\n第二行", "x"]
    assert message.folded == 1


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        (f"{MSH}\rPID|1", Limits(characters=10)),
        (f"{MSH}\rPID|1\rOBR|1", Limits(segments=2)),
    ],
)
def test_parse__beyond_limits__raises(text: str, limits: Limits) -> None:
    with pytest.raises(LimitError):
        parse(text, limits)


def test_field__too_many_fields__raises_when_read() -> None:
    message = parse(f"{MSH}\rPID" + "|" * 50, Limits(fields=40))
    with pytest.raises(LimitError):
        message.segments[1].field(3)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"\H\bold\N\ text", "bold text"),
        (r"line\.br\line", "line\nline"),
        (r"a\.sp3\b", "a\n\n\nb"),
        (r"a\.sk2\b", "a  b"),
        (r"\.in4\x\.ti2\y", "xy"),
        (r"\X0D\z", "\rz"),
        (r"\XE5BE90\静", "徐静"),
        (r"\XD0EC\静", "徐静"),
        (r"\XZZ\ ", "\\XZZ\\ "),
        (r"\Z01\ \C2842\ ", "\\Z01\\ \\C2842\\ "),
        (r"C:\dir", "C:\\dir"),
        (r"\E\F\E\ ", "\\F\\ "),
        ("no escape", "no escape"),
    ],
)
def test_unescape__each_sequence__becomes_its_meaning(sent: str, meant: str) -> None:
    assert unescape(sent, STANDARD) == meant


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")))
def test_escape__any_text__comes_back(text: str) -> None:
    for separators in (STANDARD, Separators("#", "*", "@", "!", "%")):
        escaped = escape(text, separators)
        assert not set(escaped) & {separators.field, separators.component, separators.repetition}
        assert unescape(escaped, separators) == text


@given(st.text(max_size=300))
def test_parse__any_text__raises_only_its_own_errors(text: str) -> None:
    try:
        message = parse(f"MSH|{text}")
        for segment in message.segments:
            for number in range(30):
                segment.value(number, 2, 2)
    except HL7Error:
        pass


def test_parse__many_lines_broken_off_a_large_segment__joined_to_it() -> None:
    large = "a" * 8_000_000  # joined line by line this took the event loop for a minute
    lines = [f"line {number}" for number in range(19_000)]
    message = parse(f"MSH|^~\\&|A|B|||1||ORU^R01|1|P|2.5.1\rOBX|1|TX|x||{large}\r" + "\r".join(lines) + "\rNTE|1||end")
    assert [segment.name for segment in message.segments] == ["MSH", "OBX", "NTE"]
    assert message.folded == len(lines)
    assert message.segments[1].field(5) == "\n".join((large, *lines))


def test_repetition__component_of_parts__reads_as_a_repetition() -> None:
    obr = parse("MSH|^~\\&\rOBR|1||a^BOUIN&Bouin\\T\\s&HL70371^c").first("OBR")
    assert obr is not None
    inner = obr.first(3).inner(2)
    assert [inner.value(place) for place in (1, 2, 3)] == ["BOUIN", "Bouin&s", "HL70371"]


def test_fields__fewer_or_more_sent__as_many_as_asked() -> None:
    obx = _segment(parse(f"{MSH}\rOBX|1|NM||||x"), "OBX")
    assert obx.fields(3) == ["OBX", "1", "NM", ""]
    assert obx.fields(8) == ["OBX", "1", "NM", "", "", "", "x", "", ""]
    assert obx.field(7) == ""


def test_filled__some_left_out__numbers_of_the_others() -> None:
    message = parse(f'{MSH}\rOBX|1|NM||""||x|y')
    assert _segment(message, "OBX").filled(frozenset({2, 7})) == [1, 6]
    assert message.header.filled()[:2] == [3, 4]
