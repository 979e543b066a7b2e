"""Votes of validators on who else is one: how they count, and when they change the set.

One vote a voter and candidate; the newest replaces. A vote for what is already so counts for nothing, it only takes
the voter's earlier one back. More than half of the present validators decide at once; what was decided clears every
vote on that candidate, and those of a candidate who is no longer a validator. Source: EIP-225; go-ethereum's
`consensus/clique` and GoQuorum's `consensus/istanbul` keep the same tally.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Vote:
    """What one validator wants of a candidate; addresses are 20 bytes."""

    voter: bytes
    candidate: bytes
    authorise: bool = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Electorate:
    """Validators, sorted, and the votes that are open, oldest first."""

    validators: tuple[bytes, ...]
    votes: tuple[Vote, ...] = ()

    def cast(self, vote: Vote, *, keep_idle: bool = False) -> Electorate:
        """The electorate once a validator has voted.

        Besu keeps idle votes, those for what is already so: a majority of them clears the votes against.
        """
        votes = [each for each in self.votes if (each.voter, each.candidate) != (vote.voter, vote.candidate)]
        if keep_idle or vote.authorise != (vote.candidate in self.validators):
            votes.append(vote)
        # The count follows even an idle vote: the set may have shrunk since, so that the others' votes now suffice.
        wanted = [each.authorise for each in votes if each.candidate == vote.candidate]
        half = len(self.validators) // 2
        if wanted.count(True) > half:
            return self._decided(votes, vote.candidate, authorise=True)
        if wanted.count(False) > half:
            return self._decided(votes, vote.candidate, authorise=False)
        return Electorate(self.validators, tuple(votes))

    def _decided(self, votes: list[Vote], candidate: bytes, *, authorise: bool) -> Electorate:
        others = {each for each in self.validators if each != candidate}
        return Electorate(
            tuple(sorted(others | {candidate} if authorise else others)),
            tuple(each for each in votes if each.candidate != candidate and (authorise or each.voter != candidate)),
        )
