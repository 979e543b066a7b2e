"""Seals of one engine shown as those of the other: the receipt names the engine, so an attacker chooses it.

A QBFT commit seal is over the header with extraData up to the seals. Put behind those bytes, it is a Clique seal of the
same account over the same header: one sealed header of either engine is easily made of the other's. What it lacks is a
header sealed on top of it, or two thirds of the seals.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from salus.core.consensus import Clique, Qbft
from salus.core.consensus.qbft import Extra
from salus.core.errors import IntegrityError
from salus.core.header import Header
from tests.unit.core.chains import clique_sealed, keys, plain, qbft_extra, recorded

CHAIN = recorded()
VALIDATORS = CHAIN.validators[4]


def as_clique(header: Header, seal: int) -> Header:
    """A QBFT header with one of its seals where Clique has its own."""
    extra = Extra.of(header)
    return replace(header, extra_data=extra.without_seals(extra.round) + extra.seals[seal])


def test_qbft_seal__shown_as_a_clique_seal__recovers_its_account_and_yet_nothing_is_final() -> None:
    engine = Clique()
    disguised = [as_clique(CHAIN.headers[number], 0) for number in (5, 6, 7, 8, 9)]
    assert all(engine.sealer(header) in CHAIN.validators[header.number - 1] for header in disguised)
    for count in range(1, len(disguised) + 1):
        with pytest.raises(IntegrityError):
            engine.attest(VALIDATORS, disguised[:count])


def test_qbft_block__as_its_child_names_it__has_no_clique_seal() -> None:
    """The bytes that hash to the parent of the next QBFT block end in an empty list of seals: no v of 0 or 1."""
    engine = Clique()
    bare = replace(CHAIN.headers[5], extra_data=Extra.of(CHAIN.headers[5]).without_seals(0))
    assert engine.hash(bare) == CHAIN.headers[6].parent_hash
    with pytest.raises(IntegrityError, match="v of 0 or 1"):
        engine.attest(VALIDATORS, [bare, *(as_clique(CHAIN.headers[6], seal) for seal in range(3))])


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_clique_seals__shown_as_qbft_seals__are_of_nobody(count: int) -> None:
    signers = keys(count)
    headers = [clique_sealed(plain(7), key) for key in signers]
    seals = [header.extra_data[-65:] for header in headers]
    accounts = tuple(key.account for key in signers)
    shown = replace(plain(7), extra_data=qbft_extra(accounts, None, 0, seals))
    with pytest.raises(IntegrityError):
        Qbft().attest(accounts, [shown])
    for header in headers:
        with pytest.raises(IntegrityError):
            Qbft().attest(accounts, [header])
