"""Outcome codes of requests, releases and deposits: one append-only table, equal in Solidity, Python and JSON.

Source: docs/protocol.md section 5. A number is never reused or renumbered.
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Outcome of a request (1 to 99, on chain) or of a custodian's check (100 and up)."""

    GRANTED = 1
    PARTICIPANT_INACTIVE = 10
    ACCREDITATION_EXPIRED = 11
    NOT_QUALIFIED = 12
    CONSENT_REVOKED = 20
    CONSENT_REPLACED = 21
    CONSENT_VOID = 22
    CONSENT_NOT_YET_VALID = 23
    CONSENT_EXPIRED = 24
    CONSENT_USED_UP = 25
    GRANTEE_MISMATCH = 26
    PURPOSE_NOT_ALLOWED = 30
    ACTION_NOT_ALLOWED = 31
    CATEGORY_NOT_ALLOWED = 32
    LEVEL_TOO_HIGH = 33
    CONFIDENTIALITY_TOO_HIGH = 34
    FORM_TOO_IDENTIFIED = 35
    OUTSIDE_WINDOW = 36
    FLAG_NOT_SUPPORTED = 37
    UNDEFINED_BITS = 38
    RULESET_UNKNOWN = 39
    MALFORMED_CONSENT = 40
    SUBJECT_FROZEN = 50
    SUBJECT_DENIES = 51
    NOT_CONTROLLER = 52
    EMERGENCY_BLOCKED = 53
    ACCESS_UNKNOWN = 100
    ACCESS_NOT_FINAL = 101
    ACCESS_DENIED = 102
    ACCESS_EXPIRED = 103
    ACCESS_FROZEN = 104
    ACCESS_MISMATCH = 105
    NOT_OPERATOR = 106
    SESSION_KEY_MISMATCH = 107
    CALL_REPLAYED = 108
    CALL_STALE = 109
    SIGNATURE_INVALID = 110
    RECORDS_ROOT_MISMATCH = 120
    RECORD_COUNT_MISMATCH = 121
    RECORDS_NOT_DISTINCT = 122
    TOO_MANY_RECORDS = 123
    LINK_MISSING = 124
    LINK_INVALID = 125
    TERMS_INVALID = 126
    RECORD_UNKNOWN = 140
    RECORD_UNANCHORED = 141
    RECORD_OTHER_SUBJECT = 142
    RECORD_OTHER_SOURCE = 143
    RECORD_OUTSIDE_CATEGORIES = 144
    RECORD_OUTSIDE_DAYS = 145
    RECORD_ABOVE_LEVEL = 146
    RECORD_ABOVE_CONFIDENTIALITY = 147
    RECORD_TOO_IDENTIFIED = 148
    RECORD_TOPIC_NOT_ALLOWED = 149
    RECORD_INVALID = 150
    RECORD_SUPERSEDED = 151
    RECORD_DESTROYED = 152
    RECORD_EXCLUDED = 153
    RECORD_RETENTION_OVER = 154
    NODE_STALE = 170
    CHAIN_SHORTENED = 171
    CUSTODIAN_INACTIVE = 172
    DEPOSIT_FORGED = 190
    DEPOSIT_MISMATCH = 191
    DEPOSIT_NOT_MEMBER = 192
    DEPOSIT_NOT_SOURCE = 193


EXPLANATIONS: dict[Code, str] = {
    Code.GRANTED: "The request is inside a live consent; custodians may release.",
    Code.PARTICIPANT_INACTIVE: "The requesting institution is not admitted, suspended or expelled; ask the Council.",
    Code.ACCREDITATION_EXPIRED: "The institution's accreditation has run out; ask the Council to renew it.",
    Code.NOT_QUALIFIED: "Institutions of this kind may not ask for this purpose, whatever the patient allows.",
    Code.CONSENT_REVOKED: "The patient has revoked this consent; ask the patient for a new one.",
    Code.CONSENT_REPLACED: "The patient has replaced this consent; use the newer package.",
    Code.CONSENT_VOID: "The patient has revoked everything signed before; ask for a new consent.",
    Code.CONSENT_NOT_YET_VALID: "The consent starts later; ask again then.",
    Code.CONSENT_EXPIRED: "The consent has ended; ask the patient for a new one.",
    Code.CONSENT_USED_UP: "All uses of the consent are spent.",
    Code.GRANTEE_MISMATCH: "The consent was given to another institution.",
    Code.PURPOSE_NOT_ALLOWED: "The consent does not cover this purpose.",
    Code.ACTION_NOT_ALLOWED: "The consent does not cover every action asked for.",
    Code.CATEGORY_NOT_ALLOWED: "The consent does not cover every record category asked for.",
    Code.LEVEL_TOO_HIGH: "The request reaches a higher sensitivity level than the consent allows.",
    Code.CONFIDENTIALITY_TOO_HIGH: "The request reaches a higher confidentiality than the consent allows.",
    Code.FORM_TOO_IDENTIFIED: "The consent allows only a less identified form of the records.",
    Code.OUTSIDE_WINDOW: "The days asked for reach outside the consent's window, or the consent has none.",
    Code.FLAG_NOT_SUPPORTED: "The consent sets a flag that must be zero in this ruleset (cross-border, delegation).",
    Code.UNDEFINED_BITS: "A mask of the consent or request sets a bit this ruleset does not define.",
    Code.RULESET_UNKNOWN: "The consent was written for a ruleset this gateway does not know.",
    Code.MALFORMED_CONSENT: "The consent contradicts itself (ends before it starts, level above 5, ...).",
    Code.SUBJECT_FROZEN: "The patient has frozen all access.",
    Code.SUBJECT_DENIES: "The patient has denied access to this institution.",
    Code.NOT_CONTROLLER: "The signer is neither the subject's controller nor its guardian.",
    Code.EMERGENCY_BLOCKED: "An earlier emergency access of this institution was not reviewed in 72 hours.",
    Code.ACCESS_UNKNOWN: "No such access entry exists on chain.",
    Code.ACCESS_NOT_FINAL: "The access entry is not final yet; try again after the next blocks.",
    Code.ACCESS_DENIED: "The access entry on chain is a denial.",
    Code.ACCESS_EXPIRED: "The access session is over; make a new request.",
    Code.ACCESS_FROZEN: "The access was frozen by a regulator.",
    Code.ACCESS_MISMATCH: "The struct shown does not belong to the caller or to this kind of call.",
    Code.NOT_OPERATOR: "The signer is not an operator of the participant it speaks for.",
    Code.SESSION_KEY_MISMATCH: "The session key is not the one named in the access entry.",
    Code.CALL_REPLAYED: "This signed call was seen before.",
    Code.CALL_STALE: "The call was signed more than a minute ago, or in the future; check the clock.",
    Code.SIGNATURE_INVALID: "The signature does not match its signer, recipient or body.",
    Code.RECORDS_ROOT_MISMATCH: "The list of records does not rebuild the root named on chain.",
    Code.RECORD_COUNT_MISMATCH: "The list of records has another length than named on chain.",
    Code.RECORDS_NOT_DISTINCT: "The list of records names one record twice.",
    Code.TOO_MANY_RECORDS: "A list holds 1 to 1,024 records.",
    Code.LINK_MISSING: "The consent package lacks the link to the subject for this custodian.",
    Code.LINK_INVALID: "The link is not signed by the subject's present controller for this consent.",
    Code.TERMS_INVALID: "An opened term does not belong to the consent, or a required one is not opened.",
    Code.RECORD_UNKNOWN: "This custodian holds no such record version.",
    Code.RECORD_UNANCHORED: "The record version was deposited but never anchored.",
    Code.RECORD_OTHER_SUBJECT: "The record belongs to another patient.",
    Code.RECORD_OTHER_SOURCE: "The record was not anchored by the patient's source.",
    Code.RECORD_OUTSIDE_CATEGORIES: "The record has a category outside the access.",
    Code.RECORD_OUTSIDE_DAYS: "The record is undated or dated outside the access.",
    Code.RECORD_ABOVE_LEVEL: "The record is more sensitive than the access allows.",
    Code.RECORD_ABOVE_CONFIDENTIALITY: "The record is more confidential than the access allows.",
    Code.RECORD_TOO_IDENTIFIED: "The record is more identified than the access allows.",
    Code.RECORD_TOPIC_NOT_ALLOWED: "The record touches a sensitive topic the consent does not open.",
    Code.RECORD_INVALID: "The source has declared the record version invalid.",
    Code.RECORD_SUPERSEDED: "A newer version exists; ask for it, or for history.",
    Code.RECORD_DESTROYED: "The record was ordered to be destroyed.",
    Code.RECORD_EXCLUDED: "The consent excludes this record by name.",
    Code.RECORD_RETENTION_OVER: "The years this copy is kept are over; its patient can have it kept up to five.",
    Code.NODE_STALE: "The custodian's own node is behind; nothing is released until it catches up.",
    Code.CHAIN_SHORTENED: "The custodian's chain lost blocks it had seen; an operator must look.",
    Code.CUSTODIAN_INACTIVE: "This custodian is suspended or expelled.",
    Code.DEPOSIT_FORGED: "The deposit is not signed by an operator of the source it names.",
    Code.DEPOSIT_MISMATCH: "The deposit's items do not rebuild its root, or differ from what is stored.",
    Code.DEPOSIT_NOT_MEMBER: "This custodian is not a member of the custodian set named.",
    Code.DEPOSIT_NOT_SOURCE: "The depositing institution is not an active source.",
}
"""One sentence per code for people; `docs/errors.md` is generated from it."""


RULESET = 1
"""The only ruleset known to the present gateway."""
