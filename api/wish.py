"""A patient's wish in names and dates, composed into a consent to sign."""

from __future__ import annotations

from dataclasses import replace

from api.schemas.consents import Prepared, Wish
from api.tables import mask, member
from salus.core.consent import TermField
from salus.core.days import day_of
from salus.core.errors import InputError
from salus.core.ids import (
    ZERO32,
    Address,
    ConsentId,
    LeafHash,
    ParticipantId,
    address_bytes,
    from_hex,
    hex32,
    to_address,
)
from salus.core.labels import Action, Category, Confidentiality, Flag, Form, Obligation, Purpose, Topic
from salus.core.ports import ChainReader, Clock, Randomness
from salus.flows.grant import Offer, compose

_DAY_SECONDS = 86_400
DEFAULT_VALID_DAYS = 30


def prepare(wish: Wish, chain: ChainReader, clock: Clock, random: Randomness) -> Prepared:
    """Consent, typed data and all openings of a wish, for the holder to sign within 24 hours.

    Raises:
        InputError: a name is not in its table, or window and validity contradict themselves.
    """
    now = clock.now()
    holder = to_address(address_bytes(Address(wish.holder)))
    epoch = chain.consent(holder, ConsentId(ZERO32), chain.head()).holder_epoch
    replaces = from_hex(wish.replaces) if wish.replaces else ZERO32
    consent, terms = compose(_offer(wish, now), holder, epoch, now, random, replaces)
    domain = chain.domain("ConsentRegistry")
    return Prepared(
        consent=consent.to_json(),
        consent_id=hex32(consent.consent_id(domain)),
        scope_hash=hex32(consent.scope_hash()),
        typed_data=consent.typed_data(domain),
        openings=[terms.open(field).to_json() for field in TermField],
    )


def _offer(wish: Wish, now: int) -> Offer:
    valid_from = now if wish.valid_from is None else wish.valid_from
    days = DEFAULT_VALID_DAYS if wish.valid_days is None else wish.valid_days
    valid_until = valid_from + days * _DAY_SECONDS if wish.valid_until is None else wish.valid_until
    if valid_until <= max(valid_from, now):
        raise InputError("the consent would end before it begins")
    window = _window(wish)
    offer = Offer(
        grantee=ParticipantId(from_hex(wish.grantee_id)),
        purposes=mask(Purpose, wish.purposes),
        categories=mask(Category, wish.categories),
        actions=mask(Action, wish.actions),
        valid_from=valid_from,
        valid_until=valid_until,
        max_level=wish.max_level,
        max_confidentiality=member(Confidentiality, wish.max_confidentiality),
        min_form=member(Form, wish.min_form),
        window_months=wish.window_months,
        days=window,
        max_uses=wish.max_uses,
        session_minutes=wish.session_minutes,
        topics=mask(Topic, wish.topics),
        excluded=tuple(LeafHash(from_hex(leaf)) for leaf in wish.excluded),
        notice=wish.notice,
    )
    return _with_masks(offer, wish)


def _with_masks(offer: Offer, wish: Wish) -> Offer:
    changes: dict[str, Obligation | Flag] = {}
    if wish.obligations is not None:
        changes["obligations"] = mask(Obligation, wish.obligations)
    if wish.flags is not None:
        changes["flags"] = mask(Flag, wish.flags)
    return replace(offer, **changes)  # type: ignore[arg-type] # each name is that of a field of its value's type


def _window(wish: Wish) -> tuple[int, int]:
    dates = (wish.from_date, wish.to_date)
    if wish.window_months:
        if any(dates):
            raise InputError("give windowMonths, or fromDate and toDate, not both")
        return 0, 0
    if wish.from_date is None or wish.to_date is None or wish.to_date < wish.from_date:
        raise InputError("a consent needs windowMonths, or fromDate and toDate in order")
    return day_of(wish.from_date), day_of(wish.to_date)
