"""HL7 v2 tables of orders, appointments, drugs, charges and problems to FHIR codes.

Compiled from the concept maps of HL7/v2-to-fhir (8c9b414, Apache-2.0, see NOTICE) where it has one: OrderControlCode,
ExtendedPriorityCodes, FillerStatusCodes, CompletionStatus. It has none for charges (0017), accounts
and problems (0287), nor for drugs that are given or handed out: those are ours, and so are the rows marked so.
"""

from __future__ import annotations

from types import MappingProxyType

from oracle.normalise.tables import REQUEST_PRIORITY

# OrderControlCode (0119) → request-status. The map leaves a cancel request (CA) and a hold request (HD) active until
# they are confirmed; a source that only places orders never sends the confirmation, so its word is taken: ours. Ours
# too: most codes the map gives no status. Results that follow (RE, CN) say it in OBR-25
ORDER_CONTROL = MappingProxyType(
    dict.fromkeys(("AF", "NW", "OK", "PR", "PY", "RL", "RO", "RQ"), "active")
    | dict.fromkeys(("CR", "DC", "DF", "DR", "OC", "OD"), "revoked")
    | {"HR": "on-hold", "OH": "on-hold", "FU": "completed"}
    | {"CA": "revoked", "HD": "on-hold", "RP": "revoked", "RU": "revoked", "UA": "revoked"}
    | dict.fromkeys(("CH", "CP", "LI", "NA", "OE", "OF", "OP", "OR", "PA", "RF", "RR", "SC", "SN", "UN"), "active")
    | dict.fromkeys(("UC", "UD", "UF", "UH", "UM", "UR", "UX", "XO", "XR", "XX"), "active")
)
# Codes after which a treatment that had begun goes no further (0119, 0038)
DISCONTINUED = frozenset({"DC", "DR", "OD"})

# request-status → status of drugs: ordered, handed out, given; ours
PRESCRIPTION_STATUS = MappingProxyType(
    {
        "active": "active",
        "completed": "completed",
        "entered-in-error": "entered-in-error",
        "on-hold": "on-hold",
        "revoked": "cancelled",
        "unknown": "unknown",
    }
)
DISPENSE_STATUS = MappingProxyType(
    {
        "active": "completed",
        "completed": "completed",
        "entered-in-error": "entered-in-error",
        "on-hold": "on-hold",
        "revoked": "cancelled",
        "unknown": "completed",
    }
)

# ExtendedPriorityCodes (0485) → request-priority, by capitals; T and words are ours
PRIORITY = MappingProxyType(
    dict(REQUEST_PRIORITY)
    | {"T": "urgent", "STAT": "stat", "ASAP": "asap", "ROUTINE": "routine", "URGENT": "urgent"}
    | {"紧急": "stat", "急": "stat", "加急": "urgent", "普通": "routine"}
)

# FillerStatusCodes (0278) → appointmentstatus, by capitals; Blocked, Discontinued, Overbook and words are ours
APPOINTMENT_STATUS = MappingProxyType(
    {
        "PENDING": "pending",
        "WAITLIST": "waitlist",
        "BOOKED": "booked",
        "STARTED": "checked-in",
        "COMPLETE": "fulfilled",
        "CANCELLED": "cancelled",
        "CANCELED": "cancelled",
        "DELETED": "entered-in-error",
        "NOSHOW": "noshow",
        "BLOCKED": "pending",
        "DISCONTINUED": "cancelled",
        "OVERBOOK": "booked",
        "已预约": "booked",
        "已取消": "cancelled",
        "已到诊": "arrived",
        "爽约": "noshow",
    }
)
# EventType (0003) → appointmentstatus, for events that say it themselves; ours
APPOINTMENT_EVENT = MappingProxyType(
    {"S15": "cancelled", "S16": "cancelled", "S17": "entered-in-error", "S26": "noshow"}
)
# appointmentstatus → participationstatus of those who take part; ours
PARTICIPATION = MappingProxyType(
    {"pending": "needs-action", "waitlist": "needs-action", "proposed": "needs-action", "cancelled": "declined"}
)

# CompletionStatus (0322) → event-status of a vaccination
VACCINATION_STATUS = MappingProxyType({"CP": "completed", "RE": "not-done", "NA": "not-done", "PA": "completed"})
# CompletionStatus (0322) → medication-admin-status; ours
ADMINISTRATION_STATUS = MappingProxyType(
    {"": "completed", "CP": "completed", "RE": "not-done", "NA": "not-done", "PA": "stopped"}
)

# TransactionType (0017) → chargeitem-status; ours
CHARGE_STATUS = MappingProxyType(
    {"CG": "billable", "CD": "billable", "AJ": "billable", "CO": "not-billable", "PY": "not-billable"}
)
# EventType (0003) → account-status; ours
ACCOUNT_STATUS = MappingProxyType({"P01": "active", "P05": "active", "P06": "inactive", "P12": "active"})

# ProblemConfirmationStatus (PRB-13) and ProblemLifeCycleStatus (PRB-14) have no HL7 table; ours, by small letters
PROBLEM_CONFIRMATION = MappingProxyType(
    {
        "c": "confirmed",
        "confirmed": "confirmed",
        "确诊": "confirmed",
        "differential": "differential",
        "provisional": "provisional",
        "p": "provisional",
        "疑似": "provisional",
        "refuted": "refuted",
        "排除": "refuted",
        "unconfirmed": "unconfirmed",
        "u": "unconfirmed",
    }
)
PROBLEM_LIFE_CYCLE = MappingProxyType(
    {
        "a": "active",
        "active": "active",
        "活动": "active",
        "inactive": "inactive",
        "i": "inactive",
        "recurrence": "recurrence",
        "复发": "recurrence",
        "relapse": "relapse",
        "remission": "remission",
        "缓解": "remission",
        "resolved": "resolved",
        "r": "resolved",
        "痊愈": "resolved",
        "已愈": "resolved",
    }
)
# GOL-18, in the same words → goal-status; ours
GOAL_LIFE_CYCLE = MappingProxyType(
    {
        "active": "active",
        "a": "active",
        "proposed": "proposed",
        "planned": "planned",
        "accepted": "accepted",
        "on-hold": "on-hold",
        "completed": "completed",
        "achieved": "completed",
        "cancelled": "cancelled",
        "rejected": "rejected",
    }
)
