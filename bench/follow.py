"""What the light client costs: a QBFT header and a storage proof checked, and a chain followed over HTTP.

python -m bench.follow [--headers N]

The headers are sealed by three of four validators for this run and served by another process, gzipped as a node does.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.lines import Progress, line, run, scratch
from cli.commands.follow import LightClient
from salus.adapters.snapshot_file import SnapshotFile
from salus.core.consensus import Qbft
from salus.core.hashing import keccak
from salus.core.header import Header
from salus.core.ids import read_address
from salus.core.state_proof import account_at, word_at
from tests.unit.core.chains import QBFT_MIX, keys, plain, qbft_extra, qbft_hash, qbft_sealed, recorded

HEADERS = 10_000
ROUNDS = 30


def sealed_chain(count: int) -> list[dict[str, Any]]:
    """Block 0 and `count` blocks on it, as `eth_getBlockByNumber` shows them."""
    four = keys(4)
    accounts = tuple(key.account for key in four)
    headers = [plain(mix_hash=QBFT_MIX, extra_data=qbft_extra(accounts))]
    hashes = [qbft_hash(headers[0], accounts)]
    for number in range(1, count + 1):
        # a block with transactions: nothing but its seals, hashes and a bloom of some logs tells it from the next
        bloom = b"".join(keccak(b"%d %d" % (number, i))[:1] + bytes(31) for i in range(8))
        header = plain(
            number, parent_hash=hashes[-1], miner=four[number % 4].account, mix_hash=QBFT_MIX, logs_bloom=bloom
        )
        headers.append(qbft_sealed(header, [key for key in four if key is not four[number % 3]], accounts))
        hashes.append(qbft_hash(header, accounts))
    return [_shown(header, block_hash) for header, block_hash in zip(headers, hashes, strict=True)]


def _shown(header: Header, block_hash: bytes) -> dict[str, Any]:
    rest = {"hash": "0x" + block_hash.hex(), "size": "0x400", "totalDifficulty": hex(header.number), "uncles": []}
    return {**header.to_json(), **rest, "transactions": ["0x" + keccak(header.state_root).hex()]}


def serve(file: Path) -> None:
    """Serve a chain on a free port of loopback, told on standard output, until standard input ends."""
    blocks = json.loads(file.read_text())

    class Node(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told: Any = [_answer(each) for each in asked] if isinstance(asked, list) else _answer(asked)
            body = gzip.compress(json.dumps(told, separators=(",", ":")).encode(), 6)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    def _answer(asked: dict[str, Any]) -> dict[str, Any]:
        wanted = asked["params"][0]
        number = len(blocks) - 1 if wanted == "latest" else int(wanted, 16)
        return {"jsonrpc": "2.0", "id": asked["id"], "result": blocks[number] if number < len(blocks) else None}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Node)
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


def microseconds(work: Callable[[], None], pieces: int) -> float:
    """Microseconds of one of the pieces that `work` does, of the best run."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) / pieces * 1e6)
    return min(taken)


def in_memory() -> None:
    """Lines for one header and one proof of the recorded chain."""
    engine, chain = Qbft(), recorded()

    def follow() -> None:
        at = engine.genesis(chain.headers[0])
        for header in chain.headers[1:]:
            at = engine.follow(at, header)

    proof = chain.proof
    account_nodes = [bytes.fromhex(node[2:]) for node in proof["accountProof"]]
    word = proof["storageProof"][0]
    word_nodes = [bytes.fromhex(node[2:]) for node in word["proof"]]
    address, root = read_address(proof["address"]), chain.headers[-1].state_root

    def prove() -> None:
        account = account_at(root, address, account_nodes)
        if account is None or word_at(account.storage_root, int(word["key"], 16), word_nodes) != 42:
            raise AssertionError("the recorded proof does not hold")

    each = microseconds(follow, len(chain.headers) - 1)
    line("check of a QBFT header, 3 or 4 seals", f"{each:.0f} µs", "≤ 1,000 µs", "follow")
    line("check of an account and a word", f"{microseconds(prove, 1):.0f} µs", "≤ 500 µs", "follow")


def over_http(count: int) -> None:
    """Lines for a chain of `count` headers."""
    with scratch("follow") as folder, Progress() as progress:
        progress.tell(f"sealing {count:,} headers")
        chain = folder / "chain.json"
        blocks = sealed_chain(count)
        chain.write_text(json.dumps(blocks))
        genesis = folder / "genesis.json"
        genesis.write_text(json.dumps(blocks[0]))
        command = [sys.executable, "-m", "bench.follow", "--serve", str(chain)]
        node = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            port = int(node.stdout.readline()) if node.stdout else 0
            progress.tell("following")
            # a process of its own, whose memory is the light client's and nothing else's
            followed = [sys.executable, "-m", "bench.follow", "--client", str(port), str(folder)]
            found = json.loads(subprocess.run(followed, check=True, capture_output=True, text=True).stdout)
        finally:
            node.terminate()
            node.wait()
    if found["final"] != count:
        raise AssertionError(f"followed to block {found['final']}, not {count}")
    line(
        f"{count:,} QBFT headers followed over HTTP",
        f"{found['seconds']:.1f} s, {found['headersPerSecond']:,} headers/s, {found['cpu']:.1f} s of processor",
        "≤ 20 s for 10,000",
        "follow",
    )
    line(
        "… on the wire, gzip and HTTP headers included", f"{found['bytesPerHeader']} bytes a header", "≤ 1 KB", "follow"
    )
    line("… memory of the client", f"{found['memoryMegabytes']} MB", "≤ 100 MB", "follow")


def client(port: int, folder: Path) -> None:
    """Follow, and write the report."""
    file = SnapshotFile(folder / "kept.json", "qbft", 30_000)
    light = LightClient(f"http://127.0.0.1:{port}", "qbft", 30_000, folder / "genesis.json", file)
    began, cpu = time.perf_counter(), time.process_time()
    light.advance()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    sys.stdout.write(json.dumps({**light.report(None, []), "seconds": seconds, "cpu": cpu}))
    light.close()


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(prog="python -m bench.follow", description=__doc__.partition("\n")[0])
    parser.add_argument("--headers", type=int, default=HEADERS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--client", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    elif options.client:
        client(int(options.client[0]), Path(options.client[1]))
    else:
        in_memory()
        over_http(options.headers)


if __name__ == "__main__":
    run(main)
