"""Whom `salus retention` asks: the oracle of a source, by its operator's signed call, and a custodian's own data."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import custodian.runtime
import custodian.settings
from cli.participant import hall
from cli.world.cast import CUSTODIANS, WITH_ORACLE, Name
from cli.world.journal import HERE
from cli.world.running import running_world
from cli.world.services import custodian_part, oracle_settings
from oracle import settings
from salus.adapters.api_client import ApiClient
from salus.adapters.keys import keystore
from salus.core.errors import InputError
from salus.flows.custody import Caller

_WITHIN = re.compile(r"([0-9]{1,4})([dmy])")
_DAYS = {"d": 1, "m": 31, "y": 366}
_SWEEP_SECONDS = 600.0


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Unix seconds."""
        return int(time.time())


def read_within(text: str) -> int:
    """Days of `90d`, `6m` or `1y`, months and years at their longest.

    Raises:
        InputError: it is none of these, or more than five years.
    """
    found = _WITHIN.fullmatch(text)
    days = int(found[1]) * _DAYS[found[2]] if found else -1
    if not 0 <= days <= 5 * _DAYS["y"]:
        raise InputError("a time to come is written like 90d, 6m or 1y, five years at most")
    return days


def oracle_environment(source: str) -> Mapping[str, str]:
    """Settings of an institution's oracle in the running world; `here`: those in the environment.

    Raises:
        InputError: no such institution.
        SetupError: no world runs.
    """
    if source == HERE:
        return os.environ
    if source not in WITH_ORACLE:
        raise InputError(f"an oracle is one of {', '.join(WITH_ORACLE)}, or `{HERE}` with its settings in force")
    made = oracle_settings(running_world(), Name(source))
    return {settings.PREFIX + name: value for name, value in made.items()}


def ask(source: str, verb: str, body: Mapping[str, Any]) -> Any:
    """The answer of a source's oracle to its own operator (`list`, `sweep`; oracle/retention.py).

    Raises:
        SalusError: what the oracle's problem becomes.
    """
    told = settings.read(oracle_environment(source))
    signer = keystore.load(told.keystore, told.passphrase)
    with (
        hall.opened(hall.Place(told.rpc_url, told.deployment)) as place,
        closing(ApiClient(f"http://127.0.0.1:{told.http_port}", timeout=_SWEEP_SECONDS)) as oracle,
    ):
        caller = Caller(signer, place.chain.reader.domain("Council"), SystemClock(), os.urandom)
        return oracle.post(f"/v1/retention/{verb}", caller.call(f"retention.{verb}", told.participant, dict(body)))


@contextmanager
def custodian_of(name: str) -> Iterator[custodian.runtime.Parts]:
    """A custodian's own data and node; `here` is the one whose settings are in the environment.

    Raises:
        InputError: no such custodian.
        SetupError: settings are missing, or no world runs.
    """
    if name == HERE:
        told = custodian.settings.read()
    elif name in CUSTODIANS:
        told = custodian.settings.read(custodian_part(running_world(), Name(name)).environment)
    else:
        raise InputError(f"a custodian is one of {', '.join(CUSTODIANS)}, or `{HERE}` with its settings in force")
    with custodian.runtime.opened(told) as parts:
        yield parts
