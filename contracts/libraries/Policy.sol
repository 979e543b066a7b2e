// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Access, AccessKind} from "../types/Access.sol";
import {Codes} from "../types/Codes.sol";
import {ConsentScope, ConsentSlot, ConsentStatus} from "../types/Consent.sol";
import {Labels} from "../types/Labels.sol";
import {ParticipantRole, ParticipantStatus, Standing} from "../types/Participant.sol";
import {Calendar} from "./Calendar.sol";

/// @title Decision rules of ruleset 1
/// @notice Pure functions from facts to an outcome code. 0 means "nothing against it"; the first rule that fails gives the
/// code (docs/protocol.md, section 5). Nothing here reads or writes state.
library Policy {
    uint64 internal constant OWN_SESSION = 1 hours;
    uint64 internal constant EMERGENCY_SESSION = 4 hours;
    uint32 internal constant DEFAULT_SESSION_MINUTES = 60;
    uint32 internal constant MAX_SESSION_MINUTES = 1440;

    uint32 private constant EMERGENCY_PURPOSES = Labels.ETREAT | Labels.BTG;
    uint32 private constant CARE_PURPOSES = Labels.TREAT | Labels.COC | Labels.HOPERAT | Labels.HQUALIMP
        | Labels.PATSFTY | Labels.X_CHECKUP_MGMT | EMERGENCY_PURPOSES;
    uint32 private constant RESEARCH_PURPOSES =
        Labels.HRESCH | Labels.CLINTRCH | Labels.BIORCH | Labels.DSRCH | Labels.POARCH | Labels.MLTRAINING;
    uint32 private constant PUBLIC_HEALTH_PURPOSES = Labels.PUBHLTH | Labels.POPHLTH;
    uint32 private constant INSURE_PURPOSES = Labels.HPAYMT | Labels.COVERAGE | Labels.X_INSUW;
    uint32 private constant SUPERVISE_PURPOSES = Labels.HLEGAL | Labels.GOV;

    /* OUTCOMES */

    /// @notice Outcome of a request under a consent: GRANTED or the first reason against it.
    /// @param consentSlot The consent's state word before this request.
    /// @param holderEpoch The holder's present epoch.
    function decide(
        Standing memory standing,
        uint256 consentSlot,
        uint64 holderEpoch,
        ConsentScope memory consent,
        Access memory access,
        uint64 time
    ) internal pure returns (uint16) {
        return combine(
            checkStanding(standing, access, time), consentSlot, holderEpoch, checkScope(consent, access, time)
        );
    }

    /// @notice Joins the verdicts on the participant, the consent's state and its scope in the order of the protocol.
    function combine(uint16 standingCode, uint256 consentSlot, uint64 holderEpoch, uint16 scopeCode)
        internal
        pure
        returns (uint16)
    {
        if (standingCode != 0) return standingCode;

        uint16 stateCode = checkState(consentSlot, holderEpoch);
        if (stateCode != 0) return stateCode;
        if (scopeCode != 0) return scopeCode;
        if (ConsentSlot.usesLeft(consentSlot) == 0) return Codes.CONSENT_USED_UP;
        return Codes.GRANTED;
    }

    /// @notice Outcome of a patient's own request.
    function decideOwn(Access memory access, bool frozen) internal pure returns (uint16) {
        if (hasUndefinedLabels(access)) return Codes.UNDEFINED_BITS;
        if (frozen) return Codes.SUBJECT_FROZEN;
        return Codes.GRANTED;
    }

    /// @notice Outcome of an emergency request. It needs no consent, but never passes a freeze or an absolute denial.
    /// @param denial The subject's denial of this participant: 0 none, 1 overridable, 2 absolute.
    /// @param blocked Whether an earlier emergency of the participant is overdue for review.
    function decideEmergency(
        Standing memory standing,
        Access memory access,
        bool frozen,
        uint8 denial,
        bool blocked,
        uint64 time
    ) internal pure returns (uint16) {
        uint16 standingCode = checkStanding(standing, access, time);
        if (standingCode != 0) return standingCode;
        if (hasUndefinedLabels(access)) return Codes.UNDEFINED_BITS;
        if (frozen) return Codes.SUBJECT_FROZEN;
        if (denial > 1) return Codes.SUBJECT_DENIES;
        if (blocked) return Codes.EMERGENCY_BLOCKED;
        return Codes.GRANTED;
    }

    /// @notice End of a session under a consent.
    function sessionEnd(uint64 validUntil, uint32 sessionMinutes, uint64 time) internal pure returns (uint64) {
        uint32 length = sessionMinutes == 0 ? DEFAULT_SESSION_MINUTES : sessionMinutes;
        if (length > MAX_SESSION_MINUTES) length = MAX_SESSION_MINUTES;
        uint64 end = time + uint64(length) * 60;
        return end < validUntil ? end : validUntil;
    }

    /* RULES */

    /// @notice Participant active, accredited and qualified for the purpose and kind of access.
    function checkStanding(Standing memory standing, Access memory access, uint64 time) internal pure returns (uint16) {
        if (standing.status != ParticipantStatus.ACTIVE) return Codes.PARTICIPANT_INACTIVE;
        if (time >= standing.accreditedUntil) return Codes.ACCREDITATION_EXPIRED;
        if (!isQualified(standing.roles, access.kind, access.purpose)) return Codes.NOT_QUALIFIED;
        return 0;
    }

    /// @notice Whether a participant with these roles may ask for this purpose at all, whatever a patient allows.
    function isQualified(uint16 roles, uint8 kind, uint32 purpose) internal pure returns (bool) {
        if (roles & ParticipantRole.CUSTODY != 0) return false;
        bool isEmergency = purpose & EMERGENCY_PURPOSES != 0;
        if (isEmergency != (kind == AccessKind.EMERGENCY)) return false;
        if (isEmergency && roles & ParticipantRole.EMERGENCY == 0) return false;
        return (purpose & CARE_PURPOSES != 0 && roles & ParticipantRole.CARE != 0)
            || (purpose & RESEARCH_PURPOSES != 0 && roles & ParticipantRole.RESEARCH != 0)
            || (purpose & PUBLIC_HEALTH_PURPOSES != 0 && roles & ParticipantRole.PUBLIC_HEALTH != 0)
            || (purpose & INSURE_PURPOSES != 0 && roles & ParticipantRole.INSURE != 0)
            || (purpose & SUPERVISE_PURPOSES != 0 && roles & ParticipantRole.SUPERVISE != 0);
    }

    /// @notice Consent neither revoked, replaced nor void by a later epoch.
    function checkState(uint256 consentSlot, uint64 holderEpoch) internal pure returns (uint16) {
        uint8 status = ConsentSlot.status(consentSlot);
        if (status == ConsentStatus.REVOKED) return Codes.CONSENT_REVOKED;
        if (status == ConsentStatus.REPLACED) return Codes.CONSENT_REPLACED;
        if (ConsentSlot.epoch(consentSlot) != holderEpoch) return Codes.CONSENT_VOID;
        return 0;
    }

    /// @notice Request inside what the consent says.
    function checkScope(ConsentScope memory consent, Access memory access, uint64 time) internal pure returns (uint16) {
        if (consent.granteeId != access.participantId) return Codes.GRANTEE_MISMATCH;
        if (consent.ruleset != Labels.RULESET) return Codes.RULESET_UNKNOWN;
        if (hasUndefinedBits(consent) || hasUndefinedLabels(access)) return Codes.UNDEFINED_BITS;
        if (consent.flags & Labels.FLAGS_UNSUPPORTED != 0) return Codes.FLAG_NOT_SUPPORTED;
        if (!isWellFormed(consent)) return Codes.MALFORMED_CONSENT;
        if (time < consent.validFrom) return Codes.CONSENT_NOT_YET_VALID;
        if (time >= consent.validUntil) return Codes.CONSENT_EXPIRED;
        if (access.purpose & ~consent.purposes != 0) return Codes.PURPOSE_NOT_ALLOWED;
        if (access.actions == 0 || access.actions & ~consent.actions != 0) return Codes.ACTION_NOT_ALLOWED;
        if (access.categories == 0 || access.categories & ~consent.categories != 0) return Codes.CATEGORY_NOT_ALLOWED;
        if (access.level == 0 || access.level > consent.maxLevel) return Codes.LEVEL_TOO_HIGH;
        if (access.confidentiality > consent.maxConfidentiality) return Codes.CONFIDENTIALITY_TOO_HIGH;
        if (access.form < consent.minForm) return Codes.FORM_TOO_IDENTIFIED;
        if (!isInWindow(consent, access, time)) return Codes.OUTSIDE_WINDOW;
        return 0;
    }

    /// @notice Whether a mask of the consent has a bit this ruleset does not define.
    function hasUndefinedBits(ConsentScope memory consent) internal pure returns (bool) {
        uint256 undefined = (consent.purposes & ~Labels.PURPOSES) | (consent.categories & ~Labels.CATEGORIES)
            | (consent.actions & ~Labels.ACTIONS) | (consent.obligations & ~Labels.OBLIGATIONS)
            | (consent.flags & ~Labels.FLAGS);
        return undefined != 0;
    }

    /// @notice Whether the request has an undefined bit, or an ordinal above its last value.
    function hasUndefinedLabels(Access memory access) internal pure returns (bool) {
        uint256 undefined = (access.purpose & ~Labels.PURPOSES) | (access.categories & ~Labels.CATEGORIES)
            | (access.actions & ~Labels.ACTIONS);
        return undefined != 0 || access.level > Labels.MAX_LEVEL || access.confidentiality > Labels.MAX_CONFIDENTIALITY
            || access.form > Labels.MAX_FORM;
    }

    /// @notice Whether the consent's ordinals exist, its validity is not empty and it has at most one window.
    function isWellFormed(ConsentScope memory consent) internal pure returns (bool) {
        return consent.maxLevel <= Labels.MAX_LEVEL && consent.maxConfidentiality <= Labels.MAX_CONFIDENTIALITY
            && consent.minForm <= Labels.MAX_FORM && consent.validFrom < consent.validUntil
            && consent.fromDay <= consent.toDay && (consent.windowMonths == 0 || consent.toDay == 0);
    }

    /// @notice Whether the days asked for are dated, in order and inside the consent's window.
    function isInWindow(ConsentScope memory consent, Access memory access, uint64 time) internal pure returns (bool) {
        (uint32 first, uint32 last) = windowAt(consent, time);
        return access.fromDay != 0 && access.fromDay <= access.toDay && access.fromDay >= first && access.toDay <= last;
    }

    /// @notice The consent's window as fixed days; 0 to 0 is no window.
    function windowAt(ConsentScope memory consent, uint64 time) internal pure returns (uint32 first, uint32 last) {
        if (consent.windowMonths == 0) return (consent.fromDay, consent.toDay);
        last = Calendar.dayAt(time);
        first = Calendar.monthsBefore(last, consent.windowMonths);
    }
}
