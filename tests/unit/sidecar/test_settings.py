"""Settings of the sidecar: what is required, what is refused, and files of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from salus.core.errors import SetupError
from sidecar.settings import read, read_file

NEEDED = {
    "SALUS_SIDECAR_ENGINE": "clique",
    "SALUS_SIDECAR_NODE_FOLDER": "/node",
    "SALUS_SIDECAR_ADDRESS_BOOK": "/book.json",
    "SALUS_SIDECAR_DEPLOYMENT": "/2026.json",
}


def test_settings__needed_ones_only__have_the_documented_defaults() -> None:
    told = read(NEEDED)
    assert (told.rpc_url, told.ipc, told.first_block) == ("http://127.0.0.1:8545", None, 0)
    assert (told.poll_seconds, told.port) == (2.0, 8470)
    assert (told.engine, told.node_folder, told.address_book) == ("clique", Path("/node"), Path("/book.json"))


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_settings__a_needed_one_is_missing_or_empty__is_named(name: str) -> None:
    for given in ({key: value for key, value in NEEDED.items() if key != name}, {**NEEDED, name: ""}):
        with pytest.raises(SetupError, match=name):
            read(given)


@pytest.mark.parametrize(
    ("name", "value"),
    [("FIRST_BLOCK", "ten"), ("FIRST_BLOCK", "1.5"), ("PORT", "http"), ("POLL_SECONDS", "soon")],
)
def test_settings__no_number__is_refused(name: str, value: str) -> None:
    with pytest.raises(SetupError):
        read({**NEEDED, f"SALUS_SIDECAR_{name}": value})


def test_file__lines_comments_and_blanks__are_the_same_settings(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.env"
    lines = ["# beside the node", "", *(f"  {name} = {value} " for name, value in NEEDED.items())]
    file.write_text("\n".join([*lines, "SALUS_SIDECAR_IPC=/a=b/geth.ipc"]))
    told = read_file(file)
    assert told.ipc == Path("/a=b/geth.ipc")
    assert told.deployment == Path("/2026.json")


def test_file__environment_beside_it__is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALUS_SIDECAR_PORT", "9999")
    file = tmp_path / "sidecar.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in NEEDED.items()))
    assert read_file(file).port == 8470


@pytest.mark.parametrize("line", ["export SALUS_SIDECAR_PORT=1", "PATH=/bin", "SALUS_SIDECAR_PORT"])
def test_file__a_line_that_is_no_setting__is_refused(line: str, tmp_path: Path) -> None:
    file = tmp_path / "sidecar.env"
    file.write_text(line)
    with pytest.raises(SetupError, match="no setting"):
        read_file(file)


def test_file__not_there__is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"gone\.env"):
        read_file(tmp_path / "gone.env")
