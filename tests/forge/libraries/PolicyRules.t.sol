// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Calendar} from "../../../contracts/libraries/Calendar.sol";
import {Policy} from "../../../contracts/libraries/Policy.sol";
import {Access, AccessKind} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {ConsentScope, ConsentSlot, ConsentStatus} from "../../../contracts/types/Consent.sol";
import {Labels} from "../../../contracts/types/Labels.sol";
import {ParticipantRole, ParticipantStatus, Standing} from "../../../contracts/types/Participant.sol";
import {vm} from "../Vm.sol";

/// @notice The rules one by one: their order, each boundary from both sides, and who is qualified for what.
contract PolicyRulesTest {
    uint64 private constant NOW = 1_793_491_200;

    /* ORDER */

    /// Everything is wrong at first; each step mends what the last code named, and the next rule speaks.
    function test_decide__mended_step_by_step__names_the_rules_in_order() public pure {
        ConsentScope memory consent = _worstConsent();
        Access memory access = _worstAccess();
        Standing memory standing = Standing(ParticipantStatus.SUSPENDED, ParticipantRole.RESEARCH, NOW);
        uint256 slot = ConsentSlot.pack(ConsentStatus.REVOKED, 0, 1, NOW);
        uint16[22] memory order = [
            Codes.PARTICIPANT_INACTIVE,
            Codes.ACCREDITATION_EXPIRED,
            Codes.NOT_QUALIFIED,
            Codes.CONSENT_REVOKED,
            Codes.CONSENT_REPLACED,
            Codes.CONSENT_VOID,
            Codes.GRANTEE_MISMATCH,
            Codes.RULESET_UNKNOWN,
            Codes.UNDEFINED_BITS,
            Codes.FLAG_NOT_SUPPORTED,
            Codes.MALFORMED_CONSENT,
            Codes.CONSENT_NOT_YET_VALID,
            Codes.CONSENT_EXPIRED,
            Codes.PURPOSE_NOT_ALLOWED,
            Codes.ACTION_NOT_ALLOWED,
            Codes.CATEGORY_NOT_ALLOWED,
            Codes.LEVEL_TOO_HIGH,
            Codes.CONFIDENTIALITY_TOO_HIGH,
            Codes.FORM_TOO_IDENTIFIED,
            Codes.OUTSIDE_WINDOW,
            Codes.CONSENT_USED_UP,
            Codes.GRANTED
        ];
        for (uint256 step = 0; step < order.length; ++step) {
            vm.assertEq(Policy.decide(standing, slot, 2, consent, access, NOW), order[step]);
            if (step == 0) standing.status = ParticipantStatus.ACTIVE;
            if (step == 1) standing.accreditedUntil = NOW + 1;
            if (step == 2) standing.roles = ParticipantRole.CARE;
            if (step == 3) slot = ConsentSlot.withStatus(slot, ConsentStatus.REPLACED);
            if (step == 4) slot = ConsentSlot.withStatus(slot, ConsentStatus.LIVE);
            if (step == 5) slot = ConsentSlot.pack(ConsentStatus.LIVE, 0, 2, NOW);
            _mend(consent, access, step);
            if (step == 20) slot = ConsentSlot.pack(ConsentStatus.LIVE, 1, 2, NOW);
        }
    }

    function test_decideEmergency__mended_step_by_step__names_the_rules_in_order() public pure {
        Access memory access;
        (access.kind, access.purpose, access.level) = (AccessKind.EMERGENCY, Labels.BTG, 6);
        Standing memory standing = Standing(ParticipantStatus.SUSPENDED, ParticipantRole.CARE, NOW);
        vm.assertEq(Policy.decideEmergency(standing, access, true, 2, true, NOW), Codes.PARTICIPANT_INACTIVE);
        standing.status = ParticipantStatus.ACTIVE;
        vm.assertEq(Policy.decideEmergency(standing, access, true, 2, true, NOW), Codes.ACCREDITATION_EXPIRED);
        standing.accreditedUntil = NOW + 1;
        vm.assertEq(Policy.decideEmergency(standing, access, true, 2, true, NOW), Codes.NOT_QUALIFIED);
        standing.roles |= ParticipantRole.EMERGENCY;
        vm.assertEq(Policy.decideEmergency(standing, access, true, 2, true, NOW), Codes.UNDEFINED_BITS);
        access.level = 5;
        vm.assertEq(Policy.decideEmergency(standing, access, true, 2, true, NOW), Codes.SUBJECT_FROZEN);
        vm.assertEq(Policy.decideEmergency(standing, access, false, 2, true, NOW), Codes.SUBJECT_DENIES);
        vm.assertEq(Policy.decideEmergency(standing, access, false, 3, true, NOW), Codes.SUBJECT_DENIES);
        vm.assertEq(Policy.decideEmergency(standing, access, false, 1, true, NOW), Codes.EMERGENCY_BLOCKED);
        vm.assertEq(Policy.decideEmergency(standing, access, false, 1, false, NOW), Codes.GRANTED);
        vm.assertEq(Policy.decideEmergency(standing, access, false, 0, false, NOW), Codes.GRANTED);
    }

    function test_decideOwn__mended_step_by_step__names_the_rules_in_order() public pure {
        Access memory access;
        access.form = 5;
        vm.assertEq(Policy.decideOwn(access, true), Codes.UNDEFINED_BITS);
        access.form = 4;
        vm.assertEq(Policy.decideOwn(access, true), Codes.SUBJECT_FROZEN);
        vm.assertEq(Policy.decideOwn(access, false), Codes.GRANTED);
    }

    /* THE PARTICIPANT */

    function test_checkStanding__each_status__only_active_passes() public pure {
        for (uint8 status = 0; status < 6; ++status) {
            Standing memory standing = Standing(status, ParticipantRole.CARE, NOW + 1);
            uint16 code = Policy.checkStanding(standing, _goodAccess(), NOW);
            vm.assertEq(code, status == ParticipantStatus.ACTIVE ? 0 : Codes.PARTICIPANT_INACTIVE);
        }
    }

    function test_checkStanding__last_second_of_accreditation__passes() public pure {
        Standing memory standing = Standing(ParticipantStatus.ACTIVE, ParticipantRole.CARE, NOW);
        vm.assertEq(Policy.checkStanding(standing, _goodAccess(), NOW - 1), 0);
        vm.assertEq(Policy.checkStanding(standing, _goodAccess(), NOW), Codes.ACCREDITATION_EXPIRED);
        vm.assertEq(Policy.checkStanding(standing, _goodAccess(), NOW + 1), Codes.ACCREDITATION_EXPIRED);
    }

    /// Every mask of roles, every purpose, every kind, against a table written from docs/protocol.md section 5.
    function test_isQualified__all_roles_purposes_kinds__are_as_tabled() public pure {
        for (uint256 roles = 0; roles < 256; ++roles) {
            for (uint256 bit = 0; bit < 32; ++bit) {
                bool isEmergency = bit == 1 || bit == 2;
                bool mayAsk = roles & _roleFor(bit) != 0 && roles & ParticipantRole.CUSTODY == 0;
                bool mayBreak = mayAsk && roles & ParticipantRole.EMERGENCY != 0;
                for (uint8 kind = 1; kind < 4; ++kind) {
                    bool expected = isEmergency ? mayBreak && kind == 3 : mayAsk && kind != 3;
                    if (Policy.isQualified(uint16(roles), kind, uint32(1 << bit)) != expected) revert("qualification");
                }
            }
        }
    }

    /* THE CONSENT'S STATE */

    function test_checkState__each_status__ends_what_ended() public pure {
        vm.assertEq(Policy.checkState(ConsentSlot.pack(ConsentStatus.LIVE, 0, 5, NOW), 5), 0);
        vm.assertEq(Policy.checkState(ConsentSlot.pack(ConsentStatus.LIVE, 1, 5, NOW), 6), Codes.CONSENT_VOID);
        vm.assertEq(Policy.checkState(ConsentSlot.pack(ConsentStatus.LIVE, 1, 5, NOW), 4), Codes.CONSENT_VOID);
        vm.assertEq(Policy.checkState(ConsentSlot.pack(ConsentStatus.REVOKED, 1, 5, NOW), 5), Codes.CONSENT_REVOKED);
        vm.assertEq(Policy.checkState(ConsentSlot.pack(ConsentStatus.REPLACED, 1, 5, NOW), 5), Codes.CONSENT_REPLACED);
    }

    function test_combine__uses__none_is_used_up() public pure {
        vm.assertEq(Policy.combine(0, ConsentSlot.pack(1, 0, 0, NOW), 0, 0), Codes.CONSENT_USED_UP);
        vm.assertEq(Policy.combine(0, ConsentSlot.pack(1, 1, 0, NOW), 0, 0), Codes.GRANTED);
        vm.assertEq(Policy.combine(0, ConsentSlot.pack(1, type(uint32).max, 0, NOW), 0, 0), Codes.GRANTED);
    }

    /* UNDEFINED BITS */

    /// Each bit of each mask of a consent is defined or denies.
    function test_hasUndefinedBits__bit_by_bit__as_tabled() public pure {
        for (uint256 bit = 0; bit < 64; ++bit) {
            ConsentScope memory consent;
            if (bit < 32) {
                consent.purposes = uint32(1 << bit);
                vm.assertTrue(Policy.hasUndefinedBits(consent) == bit >= 29);
                consent.purposes = 0;
                consent.obligations = uint32(1 << bit);
                vm.assertTrue(Policy.hasUndefinedBits(consent) == bit >= 19);
                consent.obligations = 0;
                consent.flags = uint32(1 << bit);
                vm.assertTrue(Policy.hasUndefinedBits(consent) == bit >= 16);
                consent.flags = 0;
            }
            if (bit < 16) {
                consent.actions = uint16(1 << bit);
                vm.assertTrue(Policy.hasUndefinedBits(consent) == bit >= 11);
                consent.actions = 0;
            }
            consent.categories = uint64(1 << bit);
            vm.assertTrue(Policy.hasUndefinedBits(consent) == bit >= 37);
        }
    }

    function test_hasUndefinedLabels__bit_by_bit__as_tabled() public pure {
        Access memory access;
        vm.assertFalse(Policy.hasUndefinedLabels(access));
        for (uint256 bit = 0; bit < 64; ++bit) {
            if (bit < 32) {
                access.purpose = uint32(1 << bit);
                vm.assertTrue(Policy.hasUndefinedLabels(access) == bit >= 29);
                access.purpose = 0;
            }
            if (bit < 16) {
                access.actions = uint16(1 << bit);
                vm.assertTrue(Policy.hasUndefinedLabels(access) == bit >= 11);
                access.actions = 0;
            }
            access.categories = uint64(1 << bit);
            vm.assertTrue(Policy.hasUndefinedLabels(access) == bit >= 37);
            access.categories = 0;
        }
        for (uint256 value = 0; value < 256; ++value) {
            (access.level, access.confidentiality, access.form) = (uint8(value), 0, 0);
            vm.assertTrue(Policy.hasUndefinedLabels(access) == value > 5);
            (access.level, access.confidentiality, access.form) = (0, uint8(value), 0);
            vm.assertTrue(Policy.hasUndefinedLabels(access) == value > 5);
            (access.level, access.confidentiality, access.form) = (0, 0, uint8(value));
            vm.assertTrue(Policy.hasUndefinedLabels(access) == value > 4);
        }
    }

    /* WELL-FORMED */

    function test_isWellFormed__each_boundary__from_both_sides() public pure {
        _assertWellFormed(5, 5, 4, 0, 1, 0, 0, 0, true);
        _assertWellFormed(6, 5, 4, 0, 1, 0, 0, 0, false);
        _assertWellFormed(5, 6, 4, 0, 1, 0, 0, 0, false);
        _assertWellFormed(5, 5, 5, 0, 1, 0, 0, 0, false);
        _assertWellFormed(0, 0, 0, NOW, NOW, 0, 0, 0, false);
        _assertWellFormed(0, 0, 0, NOW, NOW - 1, 0, 0, 0, false);
        _assertWellFormed(0, 0, 0, NOW, NOW + 1, 0, 0, 0, true);
        _assertWellFormed(0, 0, 0, 0, 1, 0, 7, 7, true);
        _assertWellFormed(0, 0, 0, 0, 1, 0, 7, 8, true);
        _assertWellFormed(0, 0, 0, 0, 1, 0, 8, 7, false);
        _assertWellFormed(0, 0, 0, 0, 1, 1, 0, 0, true);
        _assertWellFormed(0, 0, 0, 0, 1, 1, 0, 1, false);
        _assertWellFormed(0, 0, 0, 0, 1, 1, 7, 7, false);
        _assertWellFormed(0, 0, 0, 0, 1, 1, 7, 0, false);
        _assertWellFormed(0, 0, 0, 0, type(uint64).max, 255, 0, 0, true);
    }

    /* WINDOW */

    function test_isInWindow__each_boundary__from_both_sides() public pure {
        ConsentScope memory consent;
        (consent.fromDay, consent.toDay) = (100, 200);
        vm.assertTrue(_inWindow(consent, 100, 200));
        vm.assertTrue(_inWindow(consent, 200, 200));
        vm.assertTrue(_inWindow(consent, 100, 100));
        vm.assertFalse(_inWindow(consent, 99, 200));
        vm.assertFalse(_inWindow(consent, 100, 201));
        vm.assertFalse(_inWindow(consent, 101, 100));
        consent.fromDay = 0;
        vm.assertFalse(_inWindow(consent, 0, 200));
        vm.assertTrue(_inWindow(consent, 1, 200));
    }

    /// The first and last second of a day in Shanghai have the same rolling window; the next second has the next day's.
    function test_windowAt__rolling__is_the_day_in_shanghai() public pure {
        ConsentScope memory consent;
        consent.windowMonths = 1;
        uint32 day = Calendar.dayOf(2028, 3, 31);
        uint64 firstSecond = uint64(day) * 1 days - 8 hours;
        (uint32 first, uint32 last) = Policy.windowAt(consent, firstSecond);
        vm.assertEq(first, Calendar.dayOf(2028, 2, 29));
        vm.assertEq(last, day);
        (first, last) = Policy.windowAt(consent, firstSecond + 1 days - 1);
        vm.assertEq(first, Calendar.dayOf(2028, 2, 29));
        vm.assertEq(last, day);
        (first, last) = Policy.windowAt(consent, firstSecond + 1 days);
        vm.assertEq(first, Calendar.dayOf(2028, 3, 1));
        vm.assertEq(last, day + 1);
    }

    function testFuzz_windowAt__fixed__is_as_written(uint32 fromDay, uint32 toDay, uint64 time) public pure {
        ConsentScope memory consent;
        (consent.fromDay, consent.toDay) = (fromDay, toDay);
        (uint32 first, uint32 last) = Policy.windowAt(consent, time);
        vm.assertEq(first, fromDay);
        vm.assertEq(last, toDay);
    }

    /* SESSION */

    function test_sessionEnd__each_boundary__from_both_sides() public pure {
        vm.assertEq(Policy.sessionEnd(type(uint64).max, 0, NOW), NOW + 3600);
        vm.assertEq(Policy.sessionEnd(type(uint64).max, 1, NOW), NOW + 60);
        vm.assertEq(Policy.sessionEnd(type(uint64).max, 1439, NOW), NOW + 86340);
        vm.assertEq(Policy.sessionEnd(type(uint64).max, 1440, NOW), NOW + 86400);
        vm.assertEq(Policy.sessionEnd(type(uint64).max, 1441, NOW), NOW + 86400);
        vm.assertEq(Policy.sessionEnd(type(uint64).max, type(uint32).max, NOW), NOW + 86400);
        vm.assertEq(Policy.sessionEnd(NOW + 59, 1, NOW), NOW + 59);
        vm.assertEq(Policy.sessionEnd(NOW + 60, 1, NOW), NOW + 60);
        vm.assertEq(Policy.sessionEnd(NOW + 61, 1, NOW), NOW + 60);
        vm.assertEq(Policy.OWN_SESSION, 3600);
        vm.assertEq(Policy.EMERGENCY_SESSION, 14400);
    }

    /// A narrower consent never allows what a wider one refuses.
    function testFuzz_checkScope__narrower_consent__allows_no_more(Access memory access, uint256 narrowing)
        public
        pure
    {
        ConsentScope memory wide = _goodConsent();
        ConsentScope memory narrow = _goodConsent();
        narrow.purposes &= uint32(narrowing);
        narrow.categories &= uint64(narrowing >> 32);
        narrow.actions &= uint16(narrowing >> 96);
        narrow.maxLevel -= uint8(narrowing >> 112) % 5;
        narrow.maxConfidentiality -= uint8(narrowing >> 120) % 4;
        narrow.minForm += uint8(narrowing >> 128) % 5;
        narrow.fromDay += uint8(narrowing >> 136) % 50;
        narrow.toDay -= uint8(narrowing >> 144) % 50;
        access.participantId = wide.granteeId;
        access.purpose = Labels.TREAT;
        access.actions &= 7;
        access.categories &= 0xff;
        access.level %= 6;
        access.confidentiality %= 5;
        access.form %= 5;
        access.fromDay = 90 + access.fromDay % 120;
        access.toDay = 90 + access.toDay % 120;
        if (Policy.checkScope(narrow, access, NOW) == 0) vm.assertEq(Policy.checkScope(wide, access, NOW), 0);
    }

    /* INTERNAL */

    function _goodConsent() private pure returns (ConsentScope memory consent) {
        consent.granteeId = "hospital";
        consent.purposes = Labels.TREAT;
        consent.categories = 0xff;
        consent.actions = 7;
        (consent.maxLevel, consent.maxConfidentiality) = (4, 3);
        (consent.fromDay, consent.toDay) = (100, 200);
        (consent.validFrom, consent.validUntil) = (NOW, NOW + 1);
        consent.ruleset = Labels.RULESET;
    }

    function _goodAccess() private pure returns (Access memory access) {
        (access.kind, access.purpose) = (AccessKind.CONSENT, Labels.TREAT);
    }

    function _worstConsent() private pure returns (ConsentScope memory consent) {
        consent.granteeId = "clinic";
        (consent.flags, consent.obligations) = (Labels.FLAG_DELEGABLE, 1 << 19);
        (consent.validFrom, consent.validUntil) = (NOW + 9, NOW);
        (consent.maxLevel, consent.minForm) = (2, 2);
    }

    function _worstAccess() private pure returns (Access memory access) {
        (access.kind, access.purpose, access.participantId) = (AccessKind.CONSENT, Labels.TREAT, "hospital");
        (access.categories, access.actions) = (1, 1);
        (access.level, access.confidentiality, access.form) = (3, 1, 1);
        (access.fromDay, access.toDay) = (100, 100);
    }

    /// @dev Takes away what the code of this step complains of.
    function _mend(ConsentScope memory consent, Access memory access, uint256 step) private pure {
        if (step == 6) consent.granteeId = "hospital";
        if (step == 7) consent.ruleset = 1;
        if (step == 8) consent.obligations = 0;
        if (step == 9) consent.flags = 0;
        if (step == 10) consent.validUntil = NOW + 10;
        if (step == 11) (consent.validFrom, consent.validUntil) = (NOW - 1, NOW);
        if (step == 12) (consent.validFrom, consent.validUntil) = (NOW, NOW + 1);
        if (step == 13) consent.purposes = Labels.TREAT;
        if (step == 14) consent.actions = 1;
        if (step == 15) consent.categories = 1;
        if (step == 16) consent.maxLevel = 3;
        if (step == 17) consent.maxConfidentiality = 1;
        if (step == 18) access.form = 2;
        if (step == 19) (consent.fromDay, consent.toDay) = (100, 100);
    }

    /// @dev Role that docs/protocol.md names for a purpose; 0 for those no consent qualifies.
    function _roleFor(uint256 bit) private pure returns (uint16) {
        if (bit <= 3 || (bit >= 6 && bit <= 8) || bit == 26) return ParticipantRole.CARE;
        if (bit == 4 || bit == 5 || bit == 28) return ParticipantRole.INSURE;
        if (bit == 9 || bit == 10) return ParticipantRole.PUBLIC_HEALTH;
        if ((bit >= 11 && bit <= 15) || bit == 22) return ParticipantRole.RESEARCH;
        if (bit == 19 || bit == 20) return ParticipantRole.SUPERVISE;
        return 0;
    }

    function _inWindow(ConsentScope memory consent, uint32 fromDay, uint32 toDay) private pure returns (bool) {
        Access memory access;
        (access.fromDay, access.toDay) = (fromDay, toDay);
        return Policy.isInWindow(consent, access, NOW);
    }

    function _assertWellFormed(
        uint8 maxLevel,
        uint8 maxConfidentiality,
        uint8 minForm,
        uint64 validFrom,
        uint64 validUntil,
        uint8 windowMonths,
        uint32 fromDay,
        uint32 toDay,
        bool expected
    ) private pure {
        ConsentScope memory consent;
        (consent.maxLevel, consent.maxConfidentiality, consent.minForm) = (maxLevel, maxConfidentiality, minForm);
        (consent.validFrom, consent.validUntil) = (validFrom, validUntil);
        (consent.windowMonths, consent.fromDay, consent.toDay) = (windowMonths, fromDay, toDay);
        vm.assertTrue(Policy.isWellFormed(consent) == expected);
    }
}
