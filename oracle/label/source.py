"""What the source itself says about confidentiality. It is never lowered. Rules version as in `topics`.

Values come as "<HL7 table>:<value>": 0099 VIP indicator (PV1-16), 0177 confidentiality code (ORC-28), 0272 document
confidentiality (TXA-18), 0717 and 0719 access restriction and reason (ARV-3, ARV-4), 0136 protection indicator
(PD1-12), v3-Confidentiality and v3-ActCode (FHIR meta.security, CDA confidentialityCode). A value these tables don't
know counts as restricted.
Source: concept maps ConfidentialityCode and DocumentConfidentialityStatus of HL7/v2-to-fhir; HL7 v2.9 tables; HL7 v3
Confidentiality and ActCode (information sensitivity policy).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from types import MappingProxyType

from oracle.label.topics import TOPIC_LEVEL
from salus.core.labels import Confidentiality, Topic

Rule = tuple[int, Confidentiality, Topic]

_N, _R, _V = Confidentiality.N, Confidentiality.R, Confidentiality.V
_NOTHING: Rule = (4, _N, Topic(0))
_RESTRICTED: Rule = (5, _R, Topic(0))
_VERY: Rule = (5, _V, Topic(0))

# v3 information sensitivity → topic; those of a person's own wish and of a clinician's last
_SENSITIVITY = {
    "HIV": Topic.HIV,
    "STD": Topic.STD,
    "MH": Topic.MH,
    "PSY": Topic.MH,
    "BH": Topic.MH,
    "PSYTHPN": Topic.PSYTHPN,
    "SUD": Topic.SUD,
    "ETH": Topic.SUD,
    "ETHUD": Topic.SUD,
    "OPIOIDUD": Topic.SUD,
    "GDIS": Topic.GDIS,
    "SCA": Topic.GDIS,
    "SEX": Topic.SEX,
    "PREGNANT": Topic.PREGNANT,
    "SDV": Topic.SDV,
    "VIO": Topic.SDV,
    "DVD": Topic.DVD,
    "COGN": Topic.DVD,
    "REL": Topic.IDENTITY,
    "RACE": Topic.IDENTITY,
    "GENDER": Topic.IDENTITY,
    "PATLOC": Topic.IDENTITY,
    "ADOL": Topic.MINOR,
    "VIP": Topic.VIP,
    "EMP": Topic.VIP,
    "PDS": Topic.PDS,
    "PRS": Topic.PDS,
    "PHY": Topic.PHY,
    "NOPAT": Topic.PHY,
}

BY_LABEL = MappingProxyType(
    {
        "0177:V": _VERY,
        "0177:R": _RESTRICTED,
        "0177:U": _NOTHING,
        "0177:EMP": (4, _N, Topic.VIP),
        "0177:VIP": (4, _N, Topic.VIP),
        "0177:UWM": (5, _R, Topic.PREGNANT),
        "0177:PSY": (5, _R, Topic.MH),
        "0177:AID": (5, _R, Topic.HIV),
        "0177:HIV": (5, _R, Topic.HIV),
        "0177:ETH": (5, _R, Topic.SUD),
        "0272:V": _VERY,
        "0272:R": _RESTRICTED,
        "0272:U": _NOTHING,
        "0272:UC": _NOTHING,
        "0717:NO": _NOTHING,
        "0717:OI": _NOTHING,
        "0717:HIV": (5, _R, Topic.HIV),
        "0717:PSY": (5, _R, Topic.MH),
        "0717:DRG": (5, _R, Topic.SUD),
        "0717:LOC": (5, _R, Topic.IDENTITY),
        "0717:PID-17": (5, _R, Topic.IDENTITY),
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
        "0136:PV2-22": (4, _N, Topic.VIP),
        "v3-Confidentiality:V": _VERY,
        "v3-Confidentiality:R": _RESTRICTED,
    }
    | {f"v3-Confidentiality:{code}": _NOTHING for code in "NMLU"}
    | {f"v3-ActCode:{code}": (*TOPIC_LEVEL[topic], topic) for code, topic in _SENSITIVITY.items()}
)
_NOT_VIP = frozenset({"N", "0", "NO", "F", "FALSE", "NONE", "否", "无", "普通", "非VIP"})


@lru_cache(maxsize=1024)
def labels_of_source(values: tuple[str, ...]) -> Rule:
    """Level, confidentiality and topics the source asks for, joined to the highest."""
    return _joined(_rule(value) for value in values)


def _joined(rules: Iterable[Rule]) -> Rule:
    level, confidentiality, topics = _NOTHING
    for rule in rules:
        level, confidentiality = max(level, rule[0]), max(confidentiality, rule[1])
        topics |= rule[2]
    return level, confidentiality, topics


def _rule(value: str) -> Rule:
    table, _, word = value.partition(":")
    word = word.strip()
    if table == "0099":
        return _NOTHING if word.upper() in _NOT_VIP else (4, _N, Topic.VIP)
    return BY_LABEL.get(f"{table}:{word.upper()}", _RESTRICTED)
