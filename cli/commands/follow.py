"""`salus follow`: a light client. Headers only, checked by their seals; logs proven by storage proofs."""

from __future__ import annotations

import json
import re
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import output
from salus.adapters.chain.proofs import ProvenState
from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.trusted import TrustedChain
from salus.adapters.chain.wire import Wire
from salus.adapters.snapshot_file import SnapshotFile
from salus.core.audit import LogHead
from salus.core.consensus.engine import EPOCH, engine_of
from salus.core.consensus.snapshot import Snapshot
from salus.core.consensus.start import trusted_start
from salus.core.errors import InputError, NotFoundError, SetupError
from salus.core.ids import Address, chain_key, from_hex, hex32, read_address, to_address
from salus.core.slots import Storage
from salus.core.slots.council import contract_of
from salus.core.slots.log import chain_word
from salus.core.state import BlockStamp

_PAUSE_SECONDS = 1.0
_TELL_SECONDS = 1.0
_OWNER = re.compile(r"0x(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "follow",
        help="Follow a chain by its headers alone and prove the state of logs; no node is believed. Exit code 6 if the "
        "node shows what does not hold. Example: salus follow --node http://127.0.0.1:8545 --trust genesis.json "
        "--state followed.json",
    )(follow)


def follow(
    node: Annotated[str, typer.Option(help="JSON-RPC of any node, or several separated by commas.")],
    state: Annotated[Path, typer.Option(dir_okay=False, help="File that keeps where it is; made when it is missing.")],
    trust: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Where to begin while there is no state: genesis file, block 0, or a kept snapshot.",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="clique, qbft or qbft-besu. As the state, snapshot or genesis file says; else qbft."),
    ] = None,
    epoch: Annotated[
        int | None, typer.Option(min=1, help="Blocks of an epoch. As one of these files says; else 30000.")
    ] = None,
    council: Annotated[str | None, typer.Option(help="The Council's address; with it logs are proven.")] = None,
    owner: Annotated[
        list[str] | None, typer.Option(help="Whose log: a holder's account, a subjectRef or a participantId.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0, help="How long to go on; 0: up to the newest block.")] = 0,
) -> None:
    """Follow a chain, and tell where it is and what the logs say there."""
    if owner and council is None:
        raise InputError("a log is proven through the Council's directory: give --council")
    keys = [_key(text) for text in owner or []]
    rules, blocks = _rules(state, trust, engine, epoch)
    light = LightClient(node, rules, blocks, trust, SnapshotFile(state, rules, blocks), told=_progress)
    try:
        until = time.monotonic() + seconds
        while True:
            light.advance()
            found = light.report(None if council is None else read_address(council), keys)
            output.emit(found, _lines(found))
            if time.monotonic() >= until:
                return
            time.sleep(_PAUSE_SECONDS)
    finally:
        light.close()


@dataclass(slots=True)
class _Taken:
    """What following has cost so far."""

    headers: int = 0
    seconds: float = 0.0


class LightClient:
    """One chain, followed. `told` hears of each final block on the way: its number, and headers a second."""

    def __init__(
        self,
        node: str,
        engine: str,
        epoch: int,
        trust: Path | None,
        file: SnapshotFile,
        told: Callable[[int, float], None] = lambda *_: None,
        wire: Wire | None = None,
    ) -> None:
        rules = engine_of(engine, epoch)
        start = file.snapshot or trusted_start(rules, _trusted(trust))
        self._wire = wire or Wire()
        self._rpc = Rpc(node, transport=self._wire)
        self._file = file
        self._told = told
        self._taken = _Taken()
        self._began, self._first = 0.0, start.number
        self._chain = TrustedChain(self._rpc, rules, start, self._keep, halt=file.halt, halted=file.halted)
        self._state = ProvenState(self._rpc, self._chain.state_root)
        if file.snapshot is None:
            file.keep(start)

    def advance(self) -> None:
        """Follow to the newest block; raises as `TrustedChain.advance`."""
        self._began, self._first = time.perf_counter(), self._chain.head().number
        try:
            self._chain.advance()
        finally:
            self._taken.seconds += time.perf_counter() - self._began
            self._taken.headers += max(0, self._chain.head().number - self._first)

    def report(self, council: Address | None, keys: list[bytes]) -> dict[str, Any]:
        """Where the chain is, what was taken, and the logs at the final block; empty lists where no block was made."""
        sent, received = self._wire.sent, self._wire.received
        final, snapshot, taken = self._chain.final(), self._chain.snapshot(), self._taken
        logs = [] if council is None else self._logs(council, keys, final)
        return {
            "head": self._chain.head().number,
            "final": final.number,
            "finalHash": hex32(final.hash),
            "finalAt": final.timestamp,
            "validators": [to_address(each) for each in snapshot.validators],
            "logs": logs,
            "headers": taken.headers,
            "headersPerSecond": round(taken.headers / taken.seconds) if taken.headers else 0,
            "bytesReceived": received,
            "bytesSent": sent,
            "bytesPerHeader": round(received / taken.headers) if taken.headers else 0,
            "proofBytes": self._wire.received - received,
            "memoryMegabytes": _most_memory() // 1024,
        }

    def close(self) -> None:
        """Close the connections."""
        self._rpc.close()

    def _keep(self, snapshot: Snapshot) -> None:
        self._file.keep(snapshot)
        taken = time.perf_counter() - self._began
        self._told(snapshot.number, (snapshot.number - self._first) / taken if taken else 0.0)

    def _logs(self, council: Address, keys: list[bytes], at: BlockStamp) -> list[dict[str, Any]]:
        def read(storage: Storage) -> list[tuple[bytes | None, LogHead]]:
            log = contract_of(storage, council, "AuditLog")
            if log is None:
                raise NotFoundError(f"the directory of the Council has no AuditLog at block {at.number}")
            return [(key, LogHead.from_slot(chain_word(storage, log, key))) for key in (None, *keys)]

        return [
            {"key": None if key is None else hex32(key), "head": f"0x{head.head:052x}", "count": head.count}
            for key, head in self._state.run(read, at)
        ]


def _most_memory() -> int:
    """Most memory this process had, in KiB. Linux counts the parent's in `ru_maxrss`, up to its fork."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _trusted(path: Path | None) -> Any:
    if path is None:
        raise SetupError("there is nothing to trust yet: give --trust a genesis file, block 0, or a kept snapshot")
    try:
        shown = json.loads(path.read_bytes())
    except ValueError as error:
        raise SetupError(
            f"{path} is no JSON: --trust is a genesis file, block 0 as a node gives it, or a kept snapshot"
        ) from error
    return shown["snapshot"] if isinstance(shown, dict) and isinstance(shown.get("snapshot"), dict) else shown


def _rules(state: Path, trust: Path | None, engine: str | None, epoch: int | None) -> tuple[str, int]:
    """Engine and blocks of an epoch: what was typed, else what the file says that following begins from.

    Raises:
        SetupError: a genesis file is of Clique and another engine was typed.
    """
    file = state if state.exists() else trust
    said, blocks = (None, None) if file is None else _said_rules(file)
    if said == "clique" and file == trust and engine not in {None, said}:
        raise SetupError(f"{file} is of a Clique chain: leave --engine out, or trust another file")
    return engine or said or "qbft", epoch or blocks or EPOCH


def _said_rules(file: Path) -> tuple[str | None, int | None]:
    """What a kept snapshot or a genesis file says. Block 0 says nothing, a QBFT genesis not how votes are counted."""
    try:
        shown = json.loads(file.read_bytes())
    except ValueError:  # whoever takes the file next says so
        return None, None
    if not isinstance(shown, dict):
        return None, None
    config = shown.get("config")
    clique = config.get("clique") if isinstance(config, dict) else None
    engine, epoch = (
        ("clique", clique.get("epoch"))
        if isinstance(clique, dict)
        else (
            shown.get("engine"),
            shown.get("epoch"),
        )
    )
    return engine if isinstance(engine, str) else None, epoch if isinstance(epoch, int) else None


def _key(text: str) -> bytes:
    if _OWNER.fullmatch(text) is None:
        raise InputError("an owner of a log is an account of 20 bytes, or an id of 32 bytes, in hex")
    return chain_key(read_address(text)) if len(text) == 42 else from_hex(text)


class _Teller:
    """Progress, once a second."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, number: int, rate: float) -> None:
        if time.monotonic() - self._last >= _TELL_SECONDS:
            self._last = time.monotonic()
            output.say(f"block {number:,} checked and final, {rate:,.0f} headers/s")


_progress = _Teller()


def _lines(found: dict[str, Any]) -> list[str]:
    validators = len(found["validators"])
    lines = [f"block {found['final']:,} is final (newest checked {found['head']:,}); {validators} validators"]
    lines += [
        f"  log of {log['key'] or 'everybody'}: {log['count']:,} entries, head {log['head']}" for log in found["logs"]
    ]
    if found["headers"]:
        lines.append(
            f"  {found['headers']:,} headers, {found['headersPerSecond']:,}/s, {found['bytesPerHeader']:,} bytes each; "
            f"proofs {found['proofBytes']:,} bytes; memory {found['memoryMegabytes']} MB"
        )
    return lines
