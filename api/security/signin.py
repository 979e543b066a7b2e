"""Patients sign in with a signature over a challenge: for one account, one API and two minutes."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

from api.errors import UnauthenticatedError
from api.model import Patient
from salus.core import signatures
from salus.core.eip712 import Domain
from salus.core.errors import SignatureError
from salus.core.ids import Address, ParticipantId
from salus.core.ports import Clock, Randomness
from salus.core.signin import SignIn

LIFE_SECONDS = 120
_PER_ACCOUNT = 8
_ACCOUNTS = 10_000


class SignIns:
    """Open challenges. They are kept in memory only: after a restart a patient asks for a new one.

    Anybody may ask for a challenge of anybody's account, so many of them must not push out the one the patient is just
    signing: an account with as many as are kept gets its newest one again.
    """

    def __init__(self, domain: Domain, participant: ParticipantId, clock: Clock, random: Randomness) -> None:
        self._domain = domain
        self._participant = participant
        self._clock = clock
        self._random = random
        self._open: OrderedDict[Address, list[SignIn]] = OrderedDict()
        self._lock = Lock()

    def challenge(self, account: Address) -> dict[str, Any]:
        """Typed data for the account's wallet to sign."""
        now = self._clock.now()
        with self._lock:
            mine = [made for made in self._open.get(account, ()) if made.deadline > now]
            if len(mine) < _PER_ACCOUNT:
                mine.append(SignIn(account, self._participant, self._random(32), now + LIFE_SECONDS))
            made = mine[-1]
            self._open[account] = mine
            self._open.move_to_end(account)
            while len(self._open) > _ACCOUNTS:
                self._open.popitem(last=False)
        return made.typed_data(self._domain)

    def sign_in(self, account: Address, signature: bytes) -> Patient:
        """The patient who signed an open challenge, which is then used up.

        Raises:
            UnauthenticatedError: no open challenge of this account was signed by it.
        """
        now = self._clock.now()
        with self._lock:
            for made in self._open.get(account, ()):
                if made.deadline > now and _signed(made.digest(self._domain), signature, account):
                    self._open[account].remove(made)
                    return Patient(account)
        raise UnauthenticatedError("no open challenge of this account bears this signature; ask for a new challenge")


def _signed(digest: bytes, signature: bytes, account: Address) -> bool:
    try:
        signatures.check(digest, signature, account)
    except SignatureError:
        return False
    return True
