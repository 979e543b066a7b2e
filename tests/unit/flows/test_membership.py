"""What a sidecar tells its node: who is let in and dialled, who is voted in and out, and when it keeps still."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from salus.core.consensus.qbft import quorum as two_thirds
from salus.core.ids import ParticipantId
from salus.core.node import Action, NodeState, Seat, Verb
from salus.flows.membership import plan


def key(name: str) -> bytes:
    return name.encode().ljust(64, b"k")


def account(name: str) -> bytes:
    return name.encode().ljust(20, b"a")


def majority(validators: int) -> int:
    return validators // 2 + 1


def seat(name: str, *, active: bool = True, validates: bool = True) -> Seat:
    own = account(name) if validates else None
    return Seat(ParticipantId(name.encode().ljust(32)), active, key(name), own, frozenset({own} if own else ()))


def node(*sealing: str, own: str = "a", living: str | None = None, peers: str | None = None) -> NodeState:
    """A node whose peers are the other sealers, unless said otherwise, and who all seal."""
    others = frozenset(key(name) for name in (peers if peers is not None else "".join(sealing)) if name != own)
    validators = frozenset(map(account, sealing))
    alive = validators if living is None else frozenset(map(account, living))
    return NodeState(key(own), account(own), others, others, validators, alive, {})


FOUR = [seat(name) for name in "abcd"]


def after(state: NodeState, actions: tuple[Action, ...]) -> NodeState:
    """The node once it was told."""
    allowed, stale, votes = set(state.allowed), set(state.stale), dict(state.votes)
    for action in actions:
        match action.verb:
            case Verb.ALLOW:
                allowed.add(action.target)
                stale.discard(action.target)
            case Verb.FORGET:
                allowed.discard(action.target)
                stale.discard(action.target)
            case Verb.VOTE_IN | Verb.VOTE_OUT:
                votes[action.target] = action.verb is Verb.VOTE_IN
            case Verb.DISCARD:
                del votes[action.target]
    kept = frozenset(allowed)
    return replace(state, allowed=kept, stale=frozenset(stale), connected=state.connected & kept, votes=votes)


def test_plan__node_follows_already__tells_it_nothing() -> None:
    assert plan(FOUR, node(*"abcd"), majority).actions == ()


def test_plan__participant_admitted__lets_its_node_in_and_votes_its_validator_in() -> None:
    found = plan([*FOUR, seat("e")], node(*"abcd"), majority)
    assert found.actions == (Action(Verb.ALLOW, key("e")), Action(Verb.VOTE_IN, account("e")))


def test_plan__participant_without_node__tells_nothing() -> None:
    reader = Seat(ParticipantId(b"r".ljust(32)), active=True)
    assert plan([*FOUR, reader], node(*"abcd"), majority).actions == ()


def test_plan__participant_with_node_that_does_not_seal__lets_it_in_only() -> None:
    found = plan([*FOUR, seat("e", validates=False)], node(*"abcd"), majority)
    assert found.actions == (Action(Verb.ALLOW, key("e")),)


def test_plan__validator_suspended__votes_it_out_and_keeps_its_node_until_it_is_out() -> None:
    seats = [*FOUR[:3], seat("d", active=False)]
    state = node(*"abcd")
    found = plan(seats, state, majority)
    assert found.actions == (Action(Verb.VOTE_OUT, account("d")),)
    out = replace(after(state, found.actions), validators=frozenset(map(account, "abc")), living=state.living)
    assert plan(seats, out, majority).actions == (
        Action(Verb.FORGET, key("d")),
        Action(Verb.DISCARD, account("d")),
    )


def test_plan__peer_that_no_participant_named__is_let_go() -> None:
    assert plan(FOUR, node(*"abcd", peers="abcdx"), majority).actions == (Action(Verb.FORGET, key("x")),)


def test_plan__suspended_listed_at_another_address_than_the_book_has__is_let_go() -> None:
    state = replace(node(*"abc"), stale=frozenset({key("d")}))
    rows = [*FOUR[:3], replace(FOUR[3], active=False)]
    assert plan(rows, state, majority).actions == (Action(Verb.FORGET, key("d")),)


def test_plan__applicant_only__is_no_seat_and_stays_outside() -> None:
    found = plan(FOUR, node(*"abcd", peers="abcde"), majority)
    assert found.actions == (Action(Verb.FORGET, key("e")),)


def test_plan__validator_nobody_ever_named__is_left_and_reported() -> None:
    found = plan(FOUR[:3], node(*"abcd", peers="abc"), majority)
    assert found.actions == ()
    assert found.unclaimed == {account("d")}


def test_plan__participant_changed_its_validator__votes_the_new_in_and_the_old_out() -> None:
    moved = replace(FOUR[3], validator=account("n"), named=frozenset({account("d"), account("n")}))
    found = plan([*FOUR[:3], moved], node(*"abcd"), majority)
    assert set(found.actions) == {Action(Verb.VOTE_IN, account("n")), Action(Verb.VOTE_OUT, account("d"))}


def test_plan__participant_changed_its_node__lets_the_new_in_and_the_old_go() -> None:
    found = plan([*FOUR[:3], replace(FOUR[3], node_key=key("n"))], node(*"abcd"), majority)
    assert set(found.actions) == {Action(Verb.ALLOW, key("n")), Action(Verb.FORGET, key("d"))}


def test_plan__own_participant_is_not_active__tells_nothing_whatever_the_registry_says() -> None:
    seats = [seat("a", active=False), seat("b"), seat("c", active=False), seat("e")]
    found = plan(seats, node(*"abcd", peers="abcdx"), majority)
    assert not found.member
    assert found.actions == ()


def test_plan__registry_that_knows_nobody__tells_nothing() -> None:
    assert plan([], node(*"abcd"), majority).actions == ()


def test_plan__own_node_is_no_validator__lets_in_but_does_not_vote() -> None:
    found = plan([*FOUR, seat("e")], node(*"abcd", own="e", peers="abc"), majority)
    assert found.actions == (Action(Verb.ALLOW, key("d")),)


def test_plan__own_node_was_voted_out__takes_its_votes_back() -> None:
    state = replace(node(*"bcd", peers="abcd"), votes={account("b"): False})
    assert plan(FOUR, state, majority).actions == (Action(Verb.DISCARD, account("b")),)


def test_plan__two_dead_of_five__puts_no_living_one_out() -> None:
    seats = [*FOUR[:2], seat("c", active=False), FOUR[3], seat("e")]
    found = plan(seats, node(*"abcde", living="abc"), majority)
    assert found.actions == ()
    assert found.withheld == {account("c")}


def test_plan__the_dead_one_of_four_is_suspended__is_put_out() -> None:
    seats = [*FOUR[:3], seat("d", active=False)]
    assert plan(seats, node(*"abcd", living="abc"), two_thirds).actions == (Action(Verb.VOTE_OUT, account("d")),)


def test_plan__two_suspended__puts_the_dead_one_out_first_and_one_at_a_time() -> None:
    seats = [*(seat(name) for name in "abe"), seat("c", active=False), seat("d", active=False)]
    found = plan(seats, node(*"abcde", living="abce"), majority)
    assert found.actions == (Action(Verb.VOTE_OUT, account("d")),)
    assert found.withheld == frozenset()


def test_plan__newcomer_whose_node_is_away_and_one_dead__is_not_voted_in_yet() -> None:
    seats = [*FOUR, seat("e")]
    away = plan(seats, replace(node(*"abcd", living="abc"), allowed=frozenset(map(key, "bcde"))), two_thirds)
    assert away.actions == ()
    assert away.withheld == {account("e")}
    here = node(*"abcd", living="abc", peers="abcde")
    assert plan(seats, here, two_thirds).actions == (Action(Verb.VOTE_IN, account("e")),)


def test_plan__vote_that_was_carried__is_discarded() -> None:
    state = replace(node(*"abcd"), votes={account("d"): True})
    assert plan(FOUR, state, majority).actions == (Action(Verb.DISCARD, account("d")),)


def test_plan__vote_the_other_way_round__is_turned() -> None:
    state = replace(node(*"abcd", peers="abcde"), votes={account("e"): False})
    assert plan([*FOUR, seat("e")], state, majority).actions == (Action(Verb.VOTE_IN, account("e")),)


NAMES = "abcdef"
some = st.sets(st.sampled_from(NAMES))


@given(
    active=some,
    ever=some,
    sealing=some,
    living=some,
    peers=some,
    stale=some,
    votes=st.dictionaries(st.sampled_from(NAMES), st.booleans()),
)
def test_plan__any_state__is_stable_once_told_and_never_votes_the_chain_to_a_halt(
    active: set[str],
    ever: set[str],
    sealing: set[str],
    living: set[str],
    peers: set[str],
    stale: set[str],
    votes: dict[str, bool],
) -> None:
    seats = [seat(name, active=name in active) for name in sorted(active | ever)]
    state = replace(
        node(*sorted(sealing), living="".join(sorted(living & sealing)), peers="".join(sorted(peers))),
        votes={account(name): wanted for name, wanted in votes.items()},
        stale=frozenset(key(name) for name in stale - peers),
    )
    for quorum in (majority, two_thirds):
        found = plan(seats, state, quorum)
        assert plan(list(reversed(seats)), state, quorum) == found
        told = after(state, found.actions)
        assert plan(seats, told, quorum).actions == ()
        out = {target for target, wanted in told.votes.items() if not wanted}
        assert len(out) <= 1 or not found.member
        if found.member and out:
            rest = state.validators - out
            assert len(rest & state.living) >= quorum(len(rest)) > 0
