"""Builds an institution's API from its settings and serves it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI, Request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from api import problems
from api.app import Parts, create_app
from api.metrics import Metrics
from api.model import Institution
from api.ports import Title
from api.security.clients import ClientRegistry
from api.settings import Settings
from salus.adapters import http_server
from salus.adapters.chain.connect import Chain, connect
from salus.adapters.chain.metrics import show_chain
from salus.adapters.chain.prover import Prover
from salus.adapters.content.address import content_store
from salus.adapters.custodians import HttpCustodians
from salus.adapters.database.api import DatabaseOnce, DatabasePackages, DatabaseRequests, DatabaseVersions
from salus.adapters.database.engine import open_engine
from salus.adapters.database.index import DatabaseIndex
from salus.adapters.database.migrate import migrate
from salus.adapters.deployment_file import read_deployment
from salus.adapters.keys import files, keystore
from salus.adapters.keys.signer import LocalSigner
from salus.adapters.service_log import log_lines
from salus.core.consensus import engine_of
from salus.core.errors import ConflictError, InputError, SetupError, UnavailableError
from salus.core.ids import ParticipantId, from_hex
from salus.core.outcome import AccessLedger
from salus.core.ports import ChainReader, ChainWriter
from salus.core.ports_index import IndexReader
from salus.flows.batching import BatchingLedger
from salus.flows.custody import Caller
from salus.flows.emergency import SecondedCaller
from salus.flows.ledger import Gateway, OperatorLedger

_HOST = "127.0.0.1"
_THREADS_CLOSE_SECONDS = 10


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Unix seconds."""
        return int(time.time())


class FileTitles:
    """Names of institutions from a JSON file, read once."""

    def __init__(self, titles: Mapping[ParticipantId, Title]) -> None:
        self._titles = dict(titles)

    def of(self, participant: ParticipantId) -> Title:
        """Name of an institution; the first digits of its id when none is known."""
        short = f"0x{participant.hex()[:8]}…"
        return self._titles.get(participant, Title(short, short))


def serve(settings: Settings) -> None:
    """Answer on HTTP until told to stop."""
    log_lines()
    with opened(settings) as app:
        # no access log: paths carry ids of consents and subjects
        http_server.run(app, _HOST, settings.port, timeout_graceful_shutdown=_THREADS_CLOSE_SECONDS)


@contextmanager
def opened(settings: Settings) -> Iterator[FastAPI]:
    """The application over real adapters, with its schema brought up to date.

    Raises:
        SetupError: a file or setting is wrong.
        UnavailableError: the node is away.
    """
    engine = open_engine(settings.database_url)
    index_engine = open_engine(settings.index_url, read_only=True)
    try:
        migrate(engine, "api")
        chain = connect(
            settings.rpc_url, read_deployment(settings.deployment, "SALUS_API_DEPLOYMENT").council, settings.finality
        )
        custodians = HttpCustodians(_custodian_urls(settings))
        try:
            app = create_app(_parts(settings, chain, custodians, engine, DatabaseIndex(index_engine)))
            _answer_database_errors(app)
            yield app
        finally:
            custodians.close()
            chain.close()
    finally:
        index_engine.dispose()
        engine.dispose()


def _parts(settings: Settings, chain: Chain, custodians: HttpCustodians, engine: Engine, index: DatabaseIndex) -> Parts:
    passphrase = files.read_passphrase(settings.passphrase_file)
    operator = keystore.load(settings.operator_keystore, passphrase)
    second = None if settings.second_keystore is None else keystore.load(settings.second_keystore, passphrase)
    relays = [keystore.load(path, passphrase) for path in settings.relay_keystores]
    _require_apart(operator, second, relays)
    writer, relayer, clock, metrics = chain.writer([operator]), chain.writer(relays), SystemClock(), Metrics()
    ledger = _ledger(settings, chain.reader, operator, writer, relayer)
    batches = ledger if isinstance(ledger, BatchingLedger) else None
    show_chain(metrics.registry, chain.reader, lambda: chain.rpc.standing, [writer, relayer], batches)
    gateway = Gateway(chain.reader, writer, time.sleep)
    caller = Caller(operator, chain.reader.domain("Council"), clock, secrets.token_bytes)
    emergency = None
    if second is not None:
        emergency = (
            OperatorLedger(chain.reader, gateway, operator, second),
            SecondedCaller(operator, caller.domain, clock, secrets.token_bytes, second),
        )
    return Parts(
        institution=Institution(settings.participant, settings.public_url),
        chain=chain.reader,
        index=index,
        operator=writer,
        relayer=relayer,
        ledger=ledger,
        custodians=custodians,
        content=content_store(settings.content),
        caller=caller,
        emergency=emergency,
        packages=DatabasePackages(engine),
        requests=DatabaseRequests(engine),
        versions=DatabaseVersions(engine),
        once=DatabaseOnce(engine),
        titles=FileTitles(_titles(settings)),
        clients=ClientRegistry(settings.clients),
        token_key=_token_key(settings.token_key),
        seal_key=_seal_key(settings.seal_key),
        checks=_checks(settings, chain.reader, index, operator, clock),
        regulator=settings.regulator,
        finality=settings.finality.partition(":")[0],
        evidence=_evidence(settings.finality, chain),
        calls_per_minute=settings.calls_per_minute,
        calls_per_account=settings.calls_per_account,
        metrics=metrics,
    )


def _evidence(finality: str, chain: Chain) -> Prover | None:
    engine, _, signers = finality.partition(":")
    return None if engine == "dev" else Prover(chain.rpc, engine_of(engine), int(signers or 0))


def _ledger(
    settings: Settings, chain: ChainReader, operator: LocalSigner, writer: ChainWriter, relayer: ChainWriter
) -> AccessLedger:
    """How staff's requests go to the chain: each by the operator's account, or together by a relay's."""
    if settings.batch_milliseconds == 0:
        return OperatorLedger(chain, Gateway(chain, writer, time.sleep))
    seconds = settings.batch_milliseconds / 1000
    return BatchingLedger(chain, Gateway(chain, relayer, time.sleep), operator, seconds)


def _checks(
    settings: Settings, chain: ChainReader, index: IndexReader, operator: LocalSigner, clock: SystemClock
) -> dict[str, Callable[[], None]]:
    def fresh() -> None:
        age = clock.now() - chain.head().timestamp
        if age > settings.head_age:
            raise UnavailableError(f"the node's head is {age} s old")

    def admitted() -> None:
        if chain.operator_of(operator.address, chain.final()) != settings.participant:
            raise SetupError("the operator's account is not an operator of SALUS_API_PARTICIPANT_ID")

    def indexed() -> None:
        try:
            block = index.indexed()
        except SQLAlchemyError as error:
            raise UnavailableError("the index is not there yet; is the watch running?") from error
        if block is None or chain.final().number - block.number > settings.index_lag:
            raise UnavailableError("the index is behind the chain; is the watch running?")

    return {"chain": fresh, "operator": admitted, "index": indexed}


def _answer_database_errors(app: FastAPI) -> None:
    @app.exception_handler(SQLAlchemyError)
    async def _away(request: Request, _: SQLAlchemyError) -> Response:
        error = UnavailableError("a database of this API does not answer")
        return problems.response_of(error, problems.request_id_of(request))


def _require_apart(operator: LocalSigner, second: LocalSigner | None, relays: list[LocalSigner]) -> None:
    accounts = [operator.address, *([] if second is None else [second.address]), *(relay.address for relay in relays)]
    if len(set(accounts)) != len(accounts):
        raise SetupError("operator, second operator and relay accounts of SALUS_API_… must all be different")


def _custodian_urls(settings: Settings) -> dict[ParticipantId, str]:
    known = _json(settings.custodians, "SALUS_API_CUSTODIANS")
    try:
        return {ParticipantId(from_hex(custodian)): str(url) for custodian, url in known.items()}
    except (AttributeError, InputError) as error:
        raise SetupError("SALUS_API_CUSTODIANS must name a JSON file of participantId to URL") from error


def _titles(settings: Settings) -> dict[ParticipantId, Title]:
    if settings.titles is None:
        return {}
    known = _json(settings.titles, "SALUS_API_TITLES")
    try:
        return {ParticipantId(from_hex(id_)): Title(str(name["en"]), str(name["zh"])) for id_, name in known.items()}
    except (AttributeError, InputError, KeyError, TypeError) as error:
        raise SetupError('SALUS_API_TITLES must name a JSON file of participantId to {"en", "zh"}') from error


def _json(path: Path, setting: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError(f"{setting} names no JSON file that can be read") from error


def _token_key(path: Path) -> Ed25519PrivateKey:
    def fresh() -> bytes:
        return Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    try:
        key = serialization.load_pem_private_key(_made(path, fresh), None)
    except ValueError as error:
        raise SetupError(f"{path.name} is no PEM file of an Ed25519 key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SetupError(f"{path.name} is no PEM file of an Ed25519 key")
    return key


def _seal_key(path: Path) -> bytes:
    raw = _made(path, (secrets.token_hex(32) + "\n").encode)
    try:
        key = bytes.fromhex(raw.decode().strip())
    except ValueError as error:
        raise SetupError(f"{path.name} is not 64 hex digits") from error
    if len(key) != 32:
        raise SetupError(f"{path.name} is not 64 hex digits")
    return key


def _made(path: Path, fresh: Callable[[], bytes]) -> bytes:
    if not path.exists():
        with suppress(ConflictError):  # another process made it in the meantime
            files.write_new(path, fresh())
    return files.read(path)
