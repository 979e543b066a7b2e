"""Tallies: one rule by hand, and any sequence of votes against go-ethereum's bookkeeping written out again."""

from hypothesis import given
from hypothesis import strategies as st

from salus.core.consensus.votes import Electorate, Vote

A, B, C, D, E, F = (bytes([n]) * 20 for n in range(1, 7))
FOUR = (A, B, C, D)


def _cast(voters: Electorate, *votes: tuple[bytes, bytes, bool], keep_idle: bool = False) -> Electorate:
    for voter, candidate, authorise in votes:
        voters = voters.cast(Vote(voter, candidate, authorise=authorise), keep_idle=keep_idle)
    return voters


def test_cast__two_of_four__not_enough_and_open() -> None:
    after = _cast(Electorate(FOUR), (A, E, True), (B, E, True))
    assert after == Electorate(FOUR, (Vote(A, E, authorise=True), Vote(B, E, authorise=True)))


def test_cast__three_of_four__at_once_and_cleared() -> None:
    assert _cast(Electorate(FOUR), (A, E, True), (B, E, True), (C, E, True)) == Electorate((*FOUR, E))
    assert _cast(Electorate(FOUR), (A, B, False), (B, B, False), (C, B, False)) == Electorate((A, C, D))


def test_cast__same_vote_again__counts_once_and_is_the_newest() -> None:
    after = _cast(Electorate(FOUR), (A, E, True), (B, E, True), (A, E, True))
    assert after.votes == (Vote(B, E, authorise=True), Vote(A, E, authorise=True))


def test_cast__what_is_already_so__counts_for_nothing_and_takes_the_earlier_back() -> None:
    assert _cast(Electorate(FOUR), (A, B, True), (A, E, False)).votes == ()
    assert _cast(Electorate(FOUR), (A, E, True), (B, E, True), (A, E, False)).votes == (Vote(B, E, authorise=True),)


def test_cast__candidate_dropped__its_own_votes_go_too() -> None:
    after = _cast(Electorate(FOUR), (D, E, True), (A, E, True), (A, D, False), (B, D, False), (C, D, False))
    assert after == Electorate((A, B, C), (Vote(A, E, authorise=True),))


def test_cast__set_shrunk_so_that_votes_suffice__decided_when_touched_again() -> None:
    five = Electorate((A, B, C, D, E))
    waiting = _cast(five, (A, F, True), (B, F, True), (A, E, False), (B, E, False), (C, E, False))
    waiting = _cast(waiting, (A, D, False), (B, D, False), (C, D, False))
    assert waiting.validators == (A, B, C)
    assert waiting.votes == (Vote(A, F, authorise=True), Vote(B, F, authorise=True))
    assert _cast(waiting, (C, F, False)) == Electorate((A, B, C, F))  # even by a vote that counts for nothing itself


def test_cast__idle_votes_of_a_majority__clear_the_votes_against_when_kept() -> None:
    votes = ((B, E, True), (A, E, False), (C, E, False), (D, E, False))
    assert _cast(Electorate(FOUR), *votes).votes == (Vote(B, E, authorise=True),)
    assert _cast(Electorate(FOUR), *votes, keep_idle=True) == Electorate(FOUR)


def test_cast__idle_vote_of_one__kept_or_not() -> None:
    assert _cast(Electorate(FOUR), (A, E, False)).votes == ()
    assert _cast(Electorate(FOUR), (A, E, False), keep_idle=True).votes == (Vote(A, E, authorise=False),)


class _Book:
    """The tally as consensus/clique/snapshot.go keeps it: a list of votes beside a count per candidate."""

    def __init__(self, validators: tuple[bytes, ...]) -> None:
        self.validators = set(validators)
        self.votes: list[Vote] = []
        self.count: dict[bytes, tuple[bool, int]] = {}

    def uncast(self, vote: Vote) -> None:
        authorise, count = self.count.get(vote.candidate, (None, 0))
        if authorise is vote.authorise:
            self.count[vote.candidate] = (vote.authorise, count - 1)
            if count == 1:
                del self.count[vote.candidate]

    def apply(self, vote: Vote) -> None:
        for old in list(self.votes):
            if old.voter == vote.voter and old.candidate == vote.candidate:
                self.uncast(old)
                self.votes.remove(old)
        if vote.authorise != (vote.candidate in self.validators):
            _, count = self.count.get(vote.candidate, (vote.authorise, 0))
            self.count[vote.candidate] = (vote.authorise, count + 1)
            self.votes.append(vote)
        authorise, count = self.count.get(vote.candidate, (False, 0))
        if count <= len(self.validators) // 2:
            return
        if authorise:
            self.validators.add(vote.candidate)
        else:
            self.validators.discard(vote.candidate)
            for old in [each for each in self.votes if each.voter == vote.candidate]:
                self.uncast(old)
                self.votes.remove(old)
        self.votes = [each for each in self.votes if each.candidate != vote.candidate]
        self.count.pop(vote.candidate, None)


@given(
    st.sets(st.sampled_from([A, B, C, D, E, F]), min_size=1),
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([A, B, C, D, E, F]), st.booleans()), max_size=60),
)
def test_cast__any_sequence__as_go_ethereum_keeps_it(first: set[bytes], ballots: list[tuple[int, bytes, bool]]) -> None:
    voters, book = Electorate(tuple(sorted(first))), _Book(tuple(first))
    for place, candidate, authorise in ballots:
        if not voters.validators:
            break
        vote = Vote(voters.validators[place % len(voters.validators)], candidate, authorise=authorise)
        voters = voters.cast(vote)
        book.apply(vote)
        assert voters.validators == tuple(sorted(book.validators))
        assert list(voters.votes) == book.votes
