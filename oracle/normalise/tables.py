"""HL7 v2 tables to FHIR codes. The required bindings they must stay inside are in `bindings`.

Compiled from the concept maps of HL7/v2-to-fhir (8c9b414, Apache-2.0, see NOTICE). Rows marked "ours" fill what those
maps leave open or add what Chinese senders write (GB/T 2261.1 sex, GB/T 2261.2 marital status, arrows for flags).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from salus.core.record import DraftStatus

TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"
LOINC: Final = "http://loinc.org"
ICD_10: Final = "http://hl7.org/fhir/sid/icd-10"
CHINESE_ID_CARD: Final = "urn:oid:2.16.156.10011.1.3"

# AdministrativeSex (0001) → administrative-gender; digits are GB/T 2261.1, ours
GENDER = MappingProxyType(
    {
        "F": "female",
        "M": "male",
        "O": "other",
        "U": "unknown",
        "A": "other",
        "N": "other",
        "0": "unknown",
        "1": "male",
        "2": "female",
        "9": "unknown",
        "男": "male",
        "女": "female",
        "未知": "unknown",
        "": "unknown",
    }
)

# MaritalStatus (0002) → v3-MaritalStatus; two digits are GB/T 2261.2, ours
MARITAL_STATUS = MappingProxyType(
    {
        "A": "L",
        "D": "D",
        "M": "M",
        "S": "S",
        "W": "W",
        "C": "C",
        "G": "T",
        "P": "T",
        "R": "T",
        "E": "L",
        "N": "A",
        "I": "I",
        "B": "U",
        "U": "UNK",
        "10": "S",
        "20": "M",
        "21": "M",
        "22": "M",
        "23": "M",
        "30": "W",
        "40": "D",
        "90": "UNK",
    }
)

# PatientClass (0004) → v3-ActCode (EncounterClass); codes without a target stay in v2-0004
VISIT_CLASS = MappingProxyType(
    {
        "E": ("v3-ActCode", "EMER", "emergency"),
        "I": ("v3-ActCode", "IMP", "inpatient encounter"),
        "O": ("v3-ActCode", "AMB", "ambulatory"),
        "P": ("v3-ActCode", "PRENC", "pre-admission"),
        "R": ("v2-0004", "R", "Recurring patient"),
        "B": ("v2-0004", "B", "Obstetrics"),
        "C": ("v2-0004", "C", "Commercial Account"),
        "N": ("v2-0004", "N", "Not Applicable"),
        "U": ("v2-0004", "U", "Unknown"),
        "T": ("v3-ActCode", "AMB", "ambulatory"),  # ours: T is written for check-ups
    }
)

# EventType (0003) → encounter-status. A04 is "planned" in the map; registering a patient who is there is arrival: ours
EVENT_STATUS = MappingProxyType(
    {
        "A01": "in-progress",
        "A02": "in-progress",
        "A03": "finished",
        "A04": "arrived",
        "A05": "planned",
        "A06": "in-progress",
        "A07": "in-progress",
        "A11": "cancelled",
        "A13": "in-progress",
    }
)
# PatientClass (0004) → encounter-status, for events that say nothing themselves (A08)
CLASS_STATUS = MappingProxyType({"P": "planned", "U": "unknown"})

# ObservationResultStatusCodesInterpretation (0085) → observation-status; B, I, N, O, R, S, U, V are ours
OBSERVATION_STATUS = MappingProxyType(
    {
        "A": "amended",
        "B": "amended",
        "C": "corrected",
        "D": "entered-in-error",
        "F": "final",
        "I": "registered",
        "N": "cancelled",
        "O": "registered",
        "P": "preliminary",
        "R": "preliminary",
        "S": "preliminary",
        "U": "final",
        "V": "final",
        "W": "entered-in-error",
        "X": "cancelled",
    }
)
# ResultStatus (0123) → diagnostic-report-status; A, M, N, D, W are ours; Y and Z are refused
REPORT_STATUS = MappingProxyType(
    {
        "O": "registered",
        "I": "registered",
        "S": "registered",
        "A": "partial",
        "P": "preliminary",
        "C": "corrected",
        "R": "partial",
        "F": "final",
        "X": "cancelled",
        "M": "preliminary",
        "N": "registered",
        "D": "entered-in-error",
        "W": "entered-in-error",
    }
)
# OBR-25 and OBX-11: how a result relates to what was said before (C replaces a final, D and W withdraw it)
DRAFT_STATUS = MappingProxyType(
    {"C": DraftStatus.CORRECTED, "D": DraftStatus.ENTERED_IN_ERROR, "W": DraftStatus.ENTERED_IN_ERROR}
)

# InterpretationCodes (0078) → v3-ObservationInterpretation
_SAME = (
    "< > A AA B CAR D DET E EX EXP H HH HU I IE IND L LL LU MS N NCL ND NEG NR NS POS R RR S SDD SYN-R SYN-S U UNE VS "
    "W WR"
)
INTERPRETATION = MappingProxyType(
    {code: code for code in _SAME.split()}
    | {"↑": "H", "↓": "L", "↑↑": "HH", "↓↓": "LL", "阳性": "POS", "阴性": "NEG", "+": "POS", "-": "NEG"}  # ours
)

# NameType (0200) → name-use
NAME_USE = MappingProxyType(
    {
        "BAD": "old",
        "D": "usual",
        "L": "official",
        "R": "official",
        "M": "maiden",
        "MSK": "anonymous",
        "N": "nickname",
        "NAV": "temp",
        "TEMP": "temp",
    }
)
# NameAssemblyOrder (0444): the map keeps the codes
NAME_ORDER = frozenset({"G", "F"})
# NameRepresentation (0465) → iso21090 name part representation
NAME_REPRESENTATION = MappingProxyType({"A": "ABC", "I": "IDE", "P": "SYL"})

# AddressType (0190) → address-use and address-type
ADDRESS_USE = MappingProxyType({"BA": "old", "BI": "billing", "C": "temp", "B": "work", "H": "home", "O": "work"})
ADDRESS_TYPE = MappingProxyType({"M": "postal", "SH": "postal"})

# TelecommunicationUseCode (0201), TelecommunicationEquipmentType (0202) → contact-point-use and -system
TELECOM_USE = MappingProxyType({"PRN": "home", "WPN": "work", "PRS": "mobile"})
TELECOM_SYSTEM = MappingProxyType(
    {
        "PH": "phone",
        "CP": "phone",
        "FX": "fax",
        "BP": "pager",
        "MD": "other",
        "SAT": "other",
        "TDD": "other",
        "TTY": "other",
        "Internet": "email",
        "X.400": "email",
    }
)

# Coding systems (0396) → FHIR system URI
CODE_SYSTEM = MappingProxyType(
    {
        "LN": LOINC,
        "LOINC": LOINC,
        "SCT": "http://snomed.info/sct",
        "SNM": "http://snomed.info/sct",
        "UCUM": "http://unitsofmeasure.org",
        "I10": ICD_10,
        "ICD10": ICD_10,
        "ICD-10": ICD_10,
        "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
        "I9C": "http://hl7.org/fhir/sid/icd-9-cm",
        "I9CDX": "http://hl7.org/fhir/sid/icd-9-cm",
        "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm",
        "NDC": "http://hl7.org/fhir/sid/ndc",
        "CVX": "http://hl7.org/fhir/sid/cvx",
        "ATC": "http://www.whocc.no/atc",
        "WC": "http://www.whocc.no/atc",
        "ISO3166": "urn:iso:std:iso:3166",
    }
)

# AllergenType (0127) → allergy-intolerance-category; AllergySeverity (0128) → criticality
ALLERGY_CATEGORY = MappingProxyType(
    {
        "DA": "medication",
        "FA": "food",
        "EA": "environment",
        "AA": "biologic",
        "PA": "environment",
        "LA": "environment",
    }
)
ALLERGY_CRITICALITY = MappingProxyType({"SV": "high", "MI": "low", "U": "unable-to-assess"})

# OrderStatus (0038) → request-status; ExtendedPriorityCodes (0485) → request-priority; SPM-20 (0136) → specimen-status
ORDER_STATUS = MappingProxyType(
    {
        "A": "active",  # ours: some, but not all results available
        "CA": "revoked",
        "CM": "completed",
        "DC": "revoked",
        "ER": "entered-in-error",
        "HD": "on-hold",
        "IP": "active",
        "RP": "revoked",
        "SC": "active",
    }
)
REQUEST_PRIORITY = MappingProxyType({"S": "stat", "A": "asap", "R": "routine", "P": "urgent", "C": "asap"})
SPECIMEN_STATUS = MappingProxyType({"Y": "available", "N": "unavailable"})

# Completion (0271) → composition-status; availability (0273) → document-reference-status: both ours
DOCUMENT_COMPLETION = MappingProxyType(
    {
        "DI": "preliminary",
        "DO": "preliminary",
        "IP": "preliminary",
        "IN": "preliminary",
        "PA": "preliminary",
        "AU": "final",
        "LA": "final",
    }
)
DOCUMENT_AVAILABILITY = MappingProxyType(
    {"AV": "current", "UN": "current", "OB": "superseded", "CA": "entered-in-error"}
)

# DiagnosticServiceSectionID (0074) → category of the observations in the section
_LABORATORY = "BG BLB CG CH CP GE HM IMM LAB MB MCB MYC NS PAT SP SR TX VR"
_IMAGING = "CT CUS IMG MRI NMR NMS OUS RAD RUS RX VUS XRC"
OBSERVATION_CATEGORY = MappingProxyType(
    dict.fromkeys(_LABORATORY.split(), "laboratory") | dict.fromkeys(_IMAGING.split(), "imaging")
)
