"""Changes a hostile or broken sender makes to a message: what it says stays HL7 enough to get far in."""

from __future__ import annotations

from random import Random

TOKENS = tuple(
    one if isinstance(one, bytes) else one.encode()
    for one in (
        "",
        '""',
        "|",
        "^",
        "~",
        "&",
        "\\",
        "\\F\\",
        "\\X0D\\MSA|AA|X\\X0D\\",
        "\\.br\\",
        "\\X0B\\",
        "\\X1C0D\\",
        "\\.sp99999999\\",
        "\\X" + "41" * 50 + "\\",
        "\\XD800\\",
        "\r",
        "\n",
        "\r\n",
        "\x00",
        "\x0b",
        "\x1c",
        "\ufeff",
        "\u202e翻转\u202c",
        "e\u0301",
        "𠮷",
        "\x85",
        "\u2028",
        "王",
        "王".encode("gb18030"),
        "誠".encode("gb18030"),
        "騂".encode("gb18030"),
        b"\xff",
        b"\x81\x30\x81\x30",
        b"\xed\xa0\x80",
        b"\xc3\x28",
        "9998",
        "00000000",
        "00010101",
        "99991231235959+1400",
        "20260230",
        "20260105083000.123456789-1200",
        "1" * 40 + "." + "2" * 40,
        "0." + "0" * 39 + "1",
        "1e99999",
        "-",
        "+",
        ".",
        "NaN",
        "１２",
        "٣",
        "<",
        "-5--3",
        "1.2.3-4",
        "Base64",
        "=" * 9,
        "^application^pdf^Base64^A",
        "^text^plain^Hex^4",
        "W",
        "D",
        "C",
        "F",
        "AL",
        "ER",
        "P2^^^OTHER^MR",
        "^^^&1.2.3&ISO",
        "urn:x y",
        "%7C",
        "A" * 300,
        "|" * 50,
        "~" * 50,
        "&" * 50,
        "^" * 50,
    )
)
_SEGMENTS = (
    b"OBX|",
    b"NTE|",
    b"PID|",
    b"MSH|",
    b"OBR|",
    b"ORC|",
    b"MSA|AA|",
    b"ZZZ|",
    b"MRG|",
    b"SPM",
    b"PV1",
    b"FHS|",
    b"Z\xff\xff|",
)
_HEADERS = (
    b"MSH|^~\\&|",
    b"MSH|^~\\&#|",
    b"MSH$%*!@$",
    b"MSH|^~|",
    b"MSH||",
    b"MSH|^^\\&|",
    b"MSHA",
    b"MSH|^~\\&\r",
    b"MSH\x00\x01\x02\x03\x04\x00",
)


def mutated(raw: bytes, random: Random, most: int = 65_536) -> bytes:
    """The message with a few changes."""
    lines = raw.split(b"\r")
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        lines = _changed(lines, random)
    return b"\r".join(lines)[:most]


def _changed(lines: list[bytes], random: Random) -> list[bytes]:
    lines = lines or [b""]
    place = random.randrange(len(lines))
    line, fields = lines[place], lines[place].split(b"|")
    act = random.randrange(12)
    if act <= 3:  # a field becomes something else
        number = random.randrange(len(fields))
        fields[number] = random.choice(TOKENS)
    elif act == 4:  # a part of a field does
        number = random.randrange(len(fields))
        parts = fields[number].split(b"^")
        parts[random.randrange(len(parts))] = random.choice(TOKENS)
        fields[number] = b"^".join(parts)
    elif act == 5:  # bytes are put in anywhere
        at = random.randrange(len(line) + 1)
        fields = [line[:at] + random.choice(TOKENS) + line[at:]]
    elif act == 6:  # a field beyond what the segment has
        fields += [b""] * random.randrange(40) + [random.choice(TOKENS)]
    elif act == 7:
        return lines[:place] + [line] * random.randrange(4) + lines[place + 1 :]
    elif act == 8:
        other = random.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
        return lines
    elif act == 9:
        return [*lines[:place], random.choice(_SEGMENTS) + random.choice(TOKENS), *lines[place:]]
    elif act == 10:
        lines[0] = random.choice(_HEADERS) + lines[0][9:]
        return lines
    else:
        at = random.randrange(len(line) + 1)
        fields = [line[:at], line[at + random.randrange(8) :]] if random.random() < 0.5 else [line[:at]]
        return [*lines[:place], b"".join(fields), *lines[place + 1 :]]
    return [*lines[:place], b"|".join(fields), *lines[place + 1 :]]
