// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Policy} from "../../../contracts/libraries/Policy.sol";
import {Access, AccessKind} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {ConsentScope, ConsentSlot, ConsentStatus} from "../../../contracts/types/Consent.sol";
import {Labels} from "../../../contracts/types/Labels.sol";
import {ParticipantRole, ParticipantStatus, Standing} from "../../../contracts/types/Participant.sol";
import {vm} from "../Vm.sol";

/// @notice Laws of the decision, whatever the inputs.
contract PolicyTest {
    uint64 private constant NOW = 1_793_491_200;

    /// What is granted is inside the consent in every dimension.
    function testFuzz_decide__granted__is_inside_the_consent(
        ConsentScope memory consent,
        Access memory access,
        uint16 roles,
        uint256 slot
    ) public pure {
        _steer(consent, access);
        if (_decide(roles, slot, consent, access) != Codes.GRANTED) return;

        vm.assertTrue(ConsentSlot.status(slot) == ConsentStatus.LIVE || ConsentSlot.status(slot) > 3);
        vm.assertTrue(ConsentSlot.usesLeft(slot) != 0);
        vm.assertEq(consent.granteeId, access.participantId);
        vm.assertEq(access.purpose & ~consent.purposes, 0);
        vm.assertEq(access.actions & ~consent.actions, 0);
        vm.assertEq(access.categories & ~consent.categories, 0);
        vm.assertTrue(access.level >= 1 && access.level <= consent.maxLevel && consent.maxLevel <= 5);
        vm.assertTrue(access.confidentiality <= consent.maxConfidentiality);
        vm.assertTrue(access.form >= consent.minForm && access.form <= Labels.MAX_FORM);
        vm.assertTrue(consent.validFrom <= NOW && NOW < consent.validUntil);
        vm.assertTrue(access.fromDay != 0 && access.fromDay <= access.toDay);
        vm.assertEq(consent.flags & Labels.FLAGS_UNSUPPORTED, 0);
        vm.assertEq(roles & ParticipantRole.CUSTODY, 0);
    }

    /// A good request is granted: the law above is not kept by denying everything.
    function test_decide__inside__is_granted() public pure {
        (ConsentScope memory consent, Access memory access) = _good();
        vm.assertEq(_decide(ParticipantRole.CARE, _slot(), consent, access), Codes.GRANTED);
    }

    /// Asking for less of what is granted is granted.
    function testFuzz_decide__narrower_request__stays_granted(uint64 categories, uint8 level, uint32 fromDay)
        public
        pure
    {
        (ConsentScope memory consent, Access memory access) = _good();
        vm.assume(categories & access.categories != 0);
        access.categories &= categories;
        access.level = 1 + level % access.level;
        access.fromDay += fromDay % (access.toDay - access.fromDay + 1);
        vm.assertEq(_decide(ParticipantRole.CARE, _slot(), consent, access), Codes.GRANTED);
    }

    /// Any undefined bit in any mask denies.
    function testFuzz_decide__undefined_bit__denies(uint8 mask, uint8 bit) public pure {
        (ConsentScope memory consent, Access memory access) = _good();
        if (mask % 5 == 0) consent.purposes |= uint32(1) << (29 + bit % 3);
        if (mask % 5 == 1) consent.categories |= uint64(1) << (37 + bit % 27);
        if (mask % 5 == 2) consent.actions |= uint16(1) << (11 + bit % 5);
        if (mask % 5 == 3) consent.obligations |= uint32(1) << (19 + bit % 13);
        if (mask % 5 == 4) consent.flags |= uint32(1) << (16 + bit % 16);
        vm.assertEq(_decide(ParticipantRole.CARE, _slot(), consent, access), Codes.UNDEFINED_BITS);
    }

    /// A custodian can never ask, for whatever purpose and kind.
    function testFuzz_isQualified__custodian__never(uint16 roles, uint8 kind, uint32 purpose) public pure {
        vm.assertFalse(Policy.isQualified(roles | ParticipantRole.CUSTODY, kind, purpose));
    }

    /// No emergency purpose without the emergency path, and no other purpose on it.
    function testFuzz_isQualified__emergency_purposes__need_the_emergency_kind(uint16 roles, uint8 bit) public pure {
        uint32 purpose = uint32(1) << (bit % 32);
        bool isEmergency = purpose == Labels.BTG || purpose == Labels.ETREAT;
        vm.assertFalse(Policy.isQualified(roles, isEmergency ? AccessKind.CONSENT : AccessKind.EMERGENCY, purpose));
    }

    /// Nothing passes a freeze or an absolute denial.
    function testFuzz_decideEmergency__frozen_or_denied__never_granted(
        Standing memory standing,
        Access memory access,
        bool frozen,
        uint8 denial,
        bool overdue
    ) public pure {
        vm.assume(frozen || denial > 1 || overdue);
        uint16 code = Policy.decideEmergency(standing, access, frozen, denial, overdue, NOW);
        vm.assertTrue(code != Codes.GRANTED && code != 0);
    }

    /// A session ends with the consent or after a day at the latest, and never before it starts.
    function testFuzz_sessionEnd__within_consent_and_a_day(uint64 validUntil, uint32 sessionMinutes) public pure {
        uint64 end = Policy.sessionEnd(validUntil, sessionMinutes, NOW);
        vm.assertTrue(end <= validUntil && end <= NOW + 1 days);
        vm.assertTrue(end == validUntil || end > NOW);
    }

    /// @dev Half-way valid inputs, so that runs reach the later rules.
    function _steer(ConsentScope memory consent, Access memory access) private pure {
        (ConsentScope memory goodConsent, Access memory goodAccess) = _good();
        uint256 choice = uint256(consent.salt);
        if (choice & 1 != 0) consent.granteeId = access.participantId;
        if (choice & 2 != 0) consent.ruleset = goodConsent.ruleset;
        if (choice & 4 != 0) (consent.flags, consent.obligations) = (goodConsent.flags, goodConsent.obligations);
        if (choice & 8 != 0) (consent.validFrom, consent.validUntil) = (goodConsent.validFrom, goodConsent.validUntil);
        if (choice & 16 != 0) (consent.purposes, access.purpose) = (goodConsent.purposes, goodAccess.purpose);
        if (choice & 32 != 0) (consent.actions, access.actions) = (goodConsent.actions, goodAccess.actions);
        if (choice & 64 != 0) {
            (consent.categories, access.categories) = (goodConsent.categories, goodAccess.categories);
        }
        if (choice & 128 != 0) (consent.maxLevel, access.level) = (consent.maxLevel % 7, access.level % 7);
        if (choice & 256 != 0) (consent.windowMonths, consent.fromDay, consent.toDay) = (3, 0, 0);
        if (choice & 512 != 0) (access.fromDay, access.toDay) = (goodAccess.fromDay, goodAccess.toDay);
        consent.maxConfidentiality %= 7;
        consent.minForm %= 6;
        access.confidentiality %= 7;
        access.form %= 6;
        access.kind = AccessKind.CONSENT;
    }

    function _good() private pure returns (ConsentScope memory consent, Access memory access) {
        consent.granteeId = "hospital";
        consent.purposes = Labels.TREAT;
        consent.categories = 0xff;
        consent.actions = 6;
        consent.maxLevel = 4;
        consent.maxConfidentiality = 3;
        consent.windowMonths = 3;
        consent.validFrom = NOW - 1;
        consent.validUntil = NOW + 30 days;
        consent.ruleset = Labels.RULESET;
        access.kind = AccessKind.CONSENT;
        access.participantId = "hospital";
        access.purpose = Labels.TREAT;
        access.categories = 0xff;
        access.actions = 4;
        access.level = 4;
        access.confidentiality = 3;
        access.toDay = uint32((NOW + 8 hours) / 1 days);
        access.fromDay = access.toDay - 80;
    }

    function _slot() private pure returns (uint256) {
        return ConsentSlot.pack(ConsentStatus.LIVE, 1, 0, NOW);
    }

    function _decide(uint16 roles, uint256 slot, ConsentScope memory consent, Access memory access)
        private
        pure
        returns (uint16)
    {
        Standing memory standing = Standing({status: ParticipantStatus.ACTIVE, roles: roles, accreditedUntil: NOW + 1});
        return Policy.decide(standing, slot, ConsentSlot.epoch(slot), consent, access, NOW);
    }
}
