"""What the Council is asked to vote on at all."""

from __future__ import annotations

import pytest

from cli.commands.participant import require_standing
from salus.core.errors import ConflictError
from salus.core.policy import ParticipantStatus


@pytest.mark.parametrize(
    ("verb", "needed"), [("suspend", ParticipantStatus.ACTIVE), ("reinstate", ParticipantStatus.SUSPENDED)]
)
def test_require_standing__of_each_status__takes_only_what_the_registry_takes(
    verb: str, needed: ParticipantStatus
) -> None:
    require_standing("hospital-a", verb, needed)
    for other in set(ParticipantStatus) - {needed}:
        with pytest.raises(ConflictError, match=f"hospital-a is {other.name.lower()}: .* nobody voted"):
            require_standing("hospital-a", verb, other)
