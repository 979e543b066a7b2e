"""What the source itself says about confidentiality. It is never lowered. Rules version as in `topics`.

Values come as "<HL7 table>:<value>": 0099 VIP indicator (PV1-16), 0177 confidentiality code (ORC-28), 0272 document
confidentiality (TXA-18), 0717 and 0719 access restriction and reason (ARV-3, ARV-4), 0136 protection indicator
(PD1-12). A value this table doesn't know counts as restricted.
Source: concept maps ConfidentialityCode and DocumentConfidentialityStatus of HL7/v2-to-fhir; HL7 v2.9 tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from salus.core.labels import Confidentiality, Topic

Rule = tuple[int, Confidentiality, Topic]

_N, _R, _V = Confidentiality.N, Confidentiality.R, Confidentiality.V
_NOTHING: Rule = (4, _N, Topic(0))
_UNKNOWN: Rule = (5, _R, Topic(0))

BY_LABEL = MappingProxyType(
    {
        "0177:V": (5, _V, Topic(0)),
        "0177:R": (5, _R, Topic(0)),
        "0177:U": _NOTHING,
        "0177:EMP": (4, _N, Topic.VIP),
        "0177:VIP": (4, _N, Topic.VIP),
        "0177:UWM": (5, _R, Topic.PREGNANT),
        "0177:PSY": (5, _R, Topic.MH),
        "0177:AID": (5, _R, Topic.HIV),
        "0177:HIV": (5, _R, Topic.HIV),
        "0177:ETH": (5, _R, Topic.SUD),
        "0272:V": (5, _V, Topic(0)),
        "0272:R": (5, _R, Topic(0)),
        "0272:U": _NOTHING,
        "0272:UC": _NOTHING,
        "0719:PAT": (5, _R, Topic.PDS),
        "0719:PHY": (5, _R, Topic.PHY),
        "0719:VIP": (4, _N, Topic.VIP),
        "0719:EMP": (4, _N, Topic.VIP),
        "0719:HIV": (5, _R, Topic.HIV),
        "0719:PSY": (5, _R, Topic.MH),
        "0719:ETH": (5, _R, Topic.IDENTITY),
        "0719:RAC": (5, _R, Topic.IDENTITY),
        "0719:REL": (5, _R, Topic.IDENTITY),
        "0136:PD1-12": (4, _N, Topic.VIP),
    }
)
_NOT_VIP = frozenset({"N", "0", "NO", "否"})


def labels_of_source(values: Iterable[str]) -> Rule:
    """Level, confidentiality and topics the source asks for, joined to the highest."""
    level, confidentiality, topics = _NOTHING
    for value in values:
        rule = _rule(value)
        level, confidentiality = max(level, rule[0]), max(confidentiality, rule[1])
        topics |= rule[2]
    return level, confidentiality, topics


def _rule(value: str) -> Rule:
    table, _, word = value.partition(":")
    if table == "0099":
        return _NOTHING if word.upper() in _NOT_VIP else (4, _N, Topic.VIP)
    return BY_LABEL.get(f"{table}:{word.upper()}", _UNKNOWN)
