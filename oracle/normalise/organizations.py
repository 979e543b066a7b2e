"""XON, HD and CWE to Organization, to be contained.

Source: data type maps XON[Organization], HD[Organization], CWE[Organization] of HL7/v2-to-fhir; table 0301.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from oracle.hl7.message import Repetition
from oracle.hl7.separators import Separators
from oracle.normalise.contained import Part, part
from oracle.normalise.datatypes import authority, authority_of, check_digit, identifier_type, system_uri, table_concept

Json = dict[str, Any]

_URI = "urn:ietf:rfc:3986"
_SCHEMES = {"ISO": "urn:oid:", "UUID": "urn:uuid:", "GUID": "urn:uuid:"}


def organization(
    sent: Repetition, addresses: tuple[Json, ...] = (), telecoms: tuple[Json, ...] = (), contact: Json | None = None
) -> Part | None:
    """XON as Organization, with addresses and numbers from other fields; None when all of them say nothing."""
    known = _named(sent.raw, sent.separators) if sent else None
    if not (addresses or telecoms or contact):
        return known
    resource: Json = dict(known.resource) if known else {"resourceType": "Organization"}
    resource.pop("id", None)
    for name, values in (("address", addresses), ("telecom", telecoms), ("contact", (contact,) if contact else ())):
        if values:
            resource[name] = list(values)
    return part(resource, known.display if known else "")


@lru_cache(maxsize=1024)
def _named(raw: str, separators: Separators) -> Part | None:
    sent = Repetition(raw, separators)
    name, number = sent.value(1), sent.value(10) or sent.value(3)
    if not (name or number):
        return None
    resource: Json = {"resourceType": "Organization"}
    if number:
        own: Json = {"value": number}
        owner = authority_of(sent, 6)
        if owner:
            own["system"] = owner.system
        if sent.value(7):
            own["type"] = identifier_type(sent.value(7))
        checked = check_digit(sent.value(4), sent.value(5))
        if checked:
            own["extension"] = checked
        resource["identifier"] = [own]
    if name:
        resource["name"] = name
    return part(resource, name or number)


@lru_cache(maxsize=1024)
def assigner(namespace: str, universal_id: str, universal_type: str) -> Part | None:
    """HD as Organization: the namespace and the universal id as identifiers of one."""
    if authority(namespace, universal_id, universal_type) is None:
        return None
    return part({"resourceType": "Organization", "identifier": numbers_of(namespace, universal_id, universal_type)})


def numbers_of(namespace: str, universal_id: str, universal_type: str) -> list[Json]:
    """The identifiers an HD stands for."""
    found: list[Json] = [{"value": namespace}] if namespace else []
    if universal_id:
        scheme = _SCHEMES.get(universal_type.upper())
        own: Json = {"system": _URI, "value": scheme + universal_id} if scheme else {"value": universal_id}
        if universal_type:
            own["type"] = table_concept(universal_type, "0301")
        found.append(own)
    return found


def producer(sent: Repetition) -> Part | None:
    """CWE that names an institution by number (OBX-15) as Organization."""
    return _producer(sent.raw, sent.separators) if sent else None


@lru_cache(maxsize=1024)
def _producer(raw: str, separators: Separators) -> Part | None:
    sent = Repetition(raw, separators)
    number, name = sent.value(1), sent.value(9) or sent.value(2)
    if not (number or name):
        return None
    resource: Json = {"resourceType": "Organization"}
    if number:
        system = system_uri(sent.value(3))
        resource["identifier"] = [{"value": number} | ({"system": system} if system else {})]
    if name:
        resource["name"] = name
    return part(resource, name or number)
