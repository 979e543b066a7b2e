"""The deployed world is what the plan says."""

from salus.core.ids import ZERO_ADDRESS
from salus.core.policy import ParticipantStatus
from tests.integration.world import CAST, ChainWorld


def test_world__after_deployment__every_role_is_held(chain: ChainWorld) -> None:
    for contract in ("AuditLog", "ParticipantRegistry", "SubjectRegistry", "RecordRegistry", "ConsentRegistry"):
        assert chain.reader.address_of(contract) == chain.deployment.address(contract)
    assert chain.reader.address_of("AccessGateway") != ZERO_ADDRESS


def test_world__after_admission__institutions_are_active_with_their_roles(chain: ChainWorld) -> None:
    at = chain.reader.head()
    for name, (kind, roles) in CAST.items():
        state = chain.reader.participant(chain.party(name).participant, at)
        assert (state.status, state.kind, state.roles) == (ParticipantStatus.ACTIVE, kind, roles)
        assert chain.reader.operator_of(chain.party(name).operator.address, at) == chain.party(name).participant


def test_world__custodian_set_one__has_three_members_and_two_restore(chain: ChainWorld) -> None:
    found = chain.reader.custodian_set(chain.custodian_set, chain.reader.head())
    assert found.threshold == 2
    assert found.members == tuple(chain.party(f"custodian-{n}").participant for n in (1, 2, 3))
