"""`salus participant keys | apply | admit | renew | show`: how an institution becomes a member, with its machines."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.participant import hall, joining, machines
from cli.participant.joining import JoiningKeys
from salus.adapters.chain.participants import MachineKeys
from salus.core.errors import ConflictError, InputError
from salus.core.ids import ZERO_ADDRESS, from_hex, hex32
from salus.core.membership import Membership
from salus.core.policy import ParticipantRole, ParticipantStatus
from salus.core.state import ParticipantKind
from salus.flows.admit import Terms, admit, renew

_QUOTA = 100_000
Who = Annotated[str, typer.Argument(help="Participant id (0x…), or short name of an institution of the world.")]
Rpc = Annotated[str | None, typer.Option(help="JSON-RPC of a node; the running world's without it.")]
DeploymentFile = Annotated[Path | None, typer.Option(help="Deployment file; the running world's without it.")]
NodeKey = Annotated[str | None, typer.Option(help="The node's enode:// URL, or its 128 hex digits.")]
Validator = Annotated[str | None, typer.Option(help="0x account that the node seals with.")]
FromNode = Annotated[str | None, typer.Option(help="Read both keys from your node: socket (geth.ipc), or URL of Besu.")]
Member = Annotated[list[Path] | None, typer.Option(help="Keystore of a member of the Council; all vote without it.")]
Passphrase = Annotated[Path | None, typer.Option(help="File with the passphrase of the keystores.")]
Until = Annotated[str, typer.Option(help="Last day of the accreditation, like 2027-11-30.")]


class Kind(StrEnum):
    """`ParticipantKind` as it is typed."""

    HOSPITAL = "hospital"
    CHECKUP_CENTRE = "checkup-centre"
    PRIMARY_CARE = "primary-care"
    RESEARCH_INSTITUTE = "research-institute"
    PUBLIC_HEALTH = "public-health"
    INSURER = "insurer"
    REGULATOR = "regulator"
    CUSTODIAN = "custodian"
    REGIONAL_CLOUD = "regional-cloud"


def add_to(participant: typer.Typer) -> None:
    """Add the commands to their noun."""
    participant.command("keys")(keys)
    participant.command("apply")(ask)
    participant.command("admit")(vote_in)
    participant.command("renew")(change)
    participant.command("show")(show)


def keys(folder: Annotated[Path, typer.Argument(help="Where they go, readable by you alone.")]) -> None:
    """Make the keys an institution joins with: operator, encryption key, and their passphrase.

    Example: salus participant keys /etc/salus/keys
    """
    made = JoiningKeys.in_folder(folder)
    made.make()
    value = {"operator": made.signer().address, "encryptionKey": hex32(made.encryption_key()), "folder": str(folder)}
    output.emit(
        value, [f"operator {value['operator']}; its keystore, the encryption key and their passphrase: {folder}"]
    )


def ask(
    key_folder: Annotated[Path, typer.Option("--keys", help="Folder made by `salus participant keys`.")],
    kind: Annotated[Kind, typer.Option(help="What the institution is.")],
    accreditation: Annotated[str, typer.Option(help="Accreditation documents (a file), or their digest, 0x….")],
    node_key: NodeKey = None,
    validator: Validator = None,
    from_node: FromNode = None,
    rpc: Rpc = None,
    deployment: DeploymentFile = None,
) -> None:
    """Apply for membership, with the keys of your own node. A second call finds the first.

    Example: salus participant apply --keys keys --kind hospital --accreditation licence.pdf --from-node node/geth.ipc
    --rpc URL --deployment deployments/2026.json
    """
    own = machines.read_machines(node_key, validator, from_node) or machines.NONE
    digest = joining.read_digest(accreditation)
    with hall.opened(hall.Place(rpc, deployment)) as place:
        found = joining.ask_to_join(place, JoiningKeys.in_folder(key_folder), ParticipantKind[kind.name], digest, own)
    lines = [*joining.told(*found), "", "Now the Council votes, each member with:"]
    output.emit(
        joining.facts(*found),
        [*lines, f"   salus participant admit {hex32(found[0])} --roles source,care --until YYYY-MM-DD"],
    )


def vote_in(
    participant: Who,
    roles: Annotated[str, typer.Option(help="source, custody, care, research, …, with commas between.")],
    until: Until,
    quota: Annotated[int, typer.Option(min=0, help="Requests an hour; custodians request nothing.")] = _QUOTA,
    member: Member = None,
    passphrase_file: Passphrase = None,
    rpc: Rpc = None,
    deployment: DeploymentFile = None,
) -> None:
    """The Council admits an applicant; on a consortium each member runs this, and the last vote carries it out.

    Example: salus participant admit 0x… --roles source,care --until 2027-11-30 --member council.json
    --passphrase-file FILE --rpc URL --deployment FILE
    """
    granted = joining.read_roles(roles)
    terms = Terms(granted, joining.read_day(until), 0 if ParticipantRole.CUSTODY in granted else quota)
    with hall.opened(hall.Place(rpc, deployment)) as place:
        who = place.participant(participant)
        place.membership(who)
        admit([(who, terms)], place.chamber(hall.Voters(member or (), passphrase_file)), place.chain.reader)
        found = place.once(who, lambda member: member.status is ParticipantStatus.ACTIVE)
    if (found.roles, found.accredited_until, found.hourly_quota) != (
        granted,
        terms.accredited_until,
        terms.hourly_quota,
    ):
        raise ConflictError(
            f"{participant} is a member already, on other terms: `salus participant renew` changes them",
            advice=f"`salus participant show {participant}` says on which.",
        )
    output.emit(joining.facts(who, found), joining.told(who, found))


def change(
    participant: Who,
    until: Annotated[str | None, typer.Option(help="Last day of the accreditation, like 2027-11-30.")] = None,
    roles: Annotated[str | None, typer.Option(help="All roles it is to have, with commas between.")] = None,
    quota: Annotated[int | None, typer.Option(min=0, help="Requests an hour.")] = None,
    accreditation: Annotated[str | None, typer.Option(help="New documents (a file), or their digest.")] = None,
    encryption_key: Annotated[str | None, typer.Option(help="New public encryption key, 0x and 64 digits.")] = None,
    node_key: NodeKey = None,
    validator: Validator = None,
    from_node: FromNode = None,
    no_node: Annotated[bool, typer.Option("--no-node", help="It runs no node any more.")] = False,
    member: Member = None,
    passphrase_file: Passphrase = None,
    rpc: Rpc = None,
    deployment: DeploymentFile = None,
) -> None:
    """The Council changes terms, documents or keys of a member, after its delay; what is not said stays.

    A new node key without --validator is one of a node that does not seal. Example: salus participant renew 0x…
    --until 2028-11-30 --node-key enode://… --validator 0x…
    """
    own = machines.read_machines(node_key, validator, from_node)
    if no_node and own is not None:
        raise InputError("--no-node takes the node away: leave the other keys out")
    with hall.opened(hall.Place(rpc, deployment)) as place:
        who = place.participant(participant)
        before = place.membership(who)
        after = _with_machines(before, MachineKeys(bytes(64), ZERO_ADDRESS) if no_node else own)
        after = replace(
            after,
            roles=before.roles if roles is None else joining.read_roles(roles),
            accredited_until=before.accredited_until if until is None else joining.read_day(until),
            hourly_quota=before.hourly_quota if quota is None else quota,
            accreditation=before.accreditation if accreditation is None else joining.read_digest(accreditation),
            encryption_key=before.encryption_key if encryption_key is None else from_hex(encryption_key),
        )
        renew(who, before, after, place.chamber(hall.Voters(member or (), passphrase_file)))
        found = place.once(who, lambda member: member == after)
    output.emit(joining.facts(who, found), joining.told(who, found))


def show(participant: Who, rpc: Rpc = None, deployment: DeploymentFile = None) -> None:
    """All that the registry has of an institution: standing, terms, documents' digest, keys of its machines.

    Example: salus participant show hospital-a
    """
    with hall.opened(hall.Place(rpc, deployment)) as place:
        who = place.participant(participant)
        found = place.membership(who)
    output.emit(joining.facts(who, found), joining.told(who, found))


def _with_machines(membership: Membership, own: MachineKeys | None) -> Membership:
    return membership if own is None else replace(membership, node_key=own.node_key, validator=own.validator)
