"""The pages of snapshots/: what a line says, and how drift is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import gas, snapshots
from tools.gas_scene import missing, typed_structs

POINT = {
    "type": "tuple[2]",
    "name": "points",
    "internalType": "struct Point[2]",
    "components": [{"type": "uint8", "name": "x"}, {"type": "bytes32", "name": "y"}],
}
ABI = [
    {"type": "function", "name": "move", "stateMutability": "nonpayable", "inputs": [POINT], "outputs": []},
    {
        "type": "event",
        "name": "Transfer",
        "inputs": [
            {"type": "address", "name": "from", "indexed": True},
            {"type": "address", "name": "to", "indexed": True},
            {"type": "uint256", "name": "value", "indexed": False},
        ],
    },
    {"type": "error", "name": "Refused", "inputs": [{"type": "uint8", "name": "refusal"}]},
    {"type": "constructor", "inputs": [{"type": "address", "name": "council"}]},
]
LAYOUT = {
    "storage": [{"slot": "0", "offset": 0, "type": "t_point", "label": "origin"}],
    "types": {
        "t_point": {
            "label": "struct Point",
            "numberOfBytes": "64",
            "members": [
                {"slot": "0", "offset": 0, "type": "t_uint8", "label": "x"},
                {"slot": "1", "offset": 0, "type": "t_bytes32", "label": "y"},
            ],
        },
        "t_uint8": {"label": "uint8", "numberOfBytes": "1"},
        "t_bytes32": {"label": "bytes32", "numberOfBytes": "32"},
    },
}


def test_abi_page__event__has_the_topic_everybody_knows() -> None:
    topic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    line = f"event {topic} Transfer(address indexed from, address indexed to, uint256 value)"
    assert line in snapshots.abi_page("Token", ABI).splitlines()


def test_abi_page__tuple__is_written_out_and_selector_is_of_the_types() -> None:
    page = snapshots.abi_page("Token", ABI)
    assert "move(Point(uint8 x, bytes32 y)[2] points)" in page
    renamed = [{**ABI[0], "inputs": [{**POINT, "internalType": "struct Other[2]"}]}]
    assert page.split("function 0x")[1][:8] == snapshots.abi_page("Token", renamed).split("function 0x")[1][:8]


def test_abi_page__shuffled_abi__is_the_same() -> None:
    assert snapshots.abi_page("Token", ABI[::-1]) == snapshots.abi_page("Token", ABI)


def test_storage_page__struct__is_followed_into_its_members() -> None:
    lines = snapshots.storage_page("Map", LAYOUT).splitlines()
    assert lines[1:] == [
        "   0  0   64  struct Point  origin",
        "",
        "struct Point (slots from its own start)",
        "   0  0    1  uint8  x",
        "   1  0   32  bytes32  y",
    ]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(snapshots, "ROOT", tmp_path)
    monkeypatch.setattr(snapshots, "FOLDER", tmp_path / "snapshots")
    return tmp_path / "snapshots"


def test_drift__after_write__is_empty(kept: Path) -> None:
    texts = {kept / "abi" / "A.txt": "one\n"}
    snapshots.write(texts)
    assert list(snapshots.drift(texts)) == []


def test_drift__changed_missing_and_left_over__is_told_with_the_lines(kept: Path) -> None:
    snapshots.write({kept / "A.txt": "one\ntwo\n", kept / "B.txt": "gone\n"})
    told = list(snapshots.drift({kept / "A.txt": "one\n2\n", kept / "C.txt": "new\n"}))
    assert "snapshots/B.txt has no contract any more" in told
    assert "snapshots/C.txt is missing" in told
    assert "snapshots/A.txt is stale" in told
    assert {"    -two", "    +2"} <= set(told)


def test_write__contract_that_is_gone__removes_its_snapshot(kept: Path) -> None:
    snapshots.write({kept / "A.txt": "one\n"})
    snapshots.write({kept / "B.txt": "two\n"})
    assert sorted(file.name for file in kept.iterdir()) == ["B.txt"]


def test_gas__function_without_a_figure__is_named() -> None:
    measured = [("AuditLog", "append", ""), ("AuditLog", "admitWriter", "")]
    assert missing(measured, ["AuditLog"]) == ["AuditLog.retireWriter"]


def test_gas_page__one_case__is_a_line_under_its_contract() -> None:
    page = gas.page({("AuditLog", "append", "first of a key"): 56643})
    assert page.split("AuditLog\n")[1].splitlines()[0].split() == ["append", "(first", "of", "a", "key)", "56,643"]


def test_typed_structs__of_the_contracts__are_the_flat_ones(tmp_path: Path) -> None:
    source = tmp_path / "T.sol"
    source.write_text(
        'bytes32 constant A_TYPEHASH = keccak256("Veto(bytes32 subjectRef,uint64 nonce)");\n'
        'bytes32 constant B_TYPEHASH = keccak256("Consent(ConsentHead head,ConsentScope scope)");\n'
    )
    found = typed_structs(tmp_path)
    assert list(found) == ["Veto"]
    assert found["Veto"].signature == "Veto(bytes32 subjectRef,uint64 nonce)"


def test_check__of_stale_files__fails_and_names_the_command(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(snapshots, "pages", lambda: {kept / "A.txt": "one\n"})
    assert snapshots.main([]) == 0
    assert snapshots.main(["--check"]) == 0
    monkeypatch.setattr(snapshots, "pages", lambda: {kept / "A.txt": "two\n"})
    capsys.readouterr()
    assert snapshots.main(["--check"]) == 1
    assert "`make snapshots`" in capsys.readouterr().err
    assert (kept / "A.txt").read_text() == "one\n"
