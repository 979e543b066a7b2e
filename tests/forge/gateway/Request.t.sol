// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Refusal} from "../../../contracts/interfaces/IAccessGateway.sol";
import {Access, AccessKind, AccessWords} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {ConsentSlot, ConsentWords} from "../../../contracts/types/Consent.sol";
import {vm} from "../Vm.sol";

import {Consent, Words} from "../base/Words.sol";
import {GatewayTest} from "./GatewayTest.sol";

/// @notice What `request` does and what it refuses to record. Its denials are in RequestDenied.t.sol.
contract RequestTest is GatewayTest {
    /* WHAT IT DOES */

    function test_request__inside_the_consent__is_granted_and_logged() public {
        Consent memory consent = _granted(alice, hospital);
        _skip(1 days);
        Access memory access = _access(hospital, _idOf(consent));
        uint64 expiry = _time() + 30 minutes;
        _expectOutcome(access, _keyOf(alice), hospital.principal.account, Codes.GRANTED, expiry);
        _listen();
        (bytes32 accessId, uint16 code) = _request(consent, access, hospital);

        _assertHeard();
        vm.assertEq(accessId, _idOf(access));
        vm.assertEq(code, Codes.GRANTED);
        _assertRecorded(access, _keyOf(alice), Codes.GRANTED, expiry);
        vm.assertEq(_used(hospital), 1);
    }

    function test_request__by_the_second_operator__names_it() public {
        Consent memory consent = _granted(alice, hospital);
        Access memory access = _access(hospital, _idOf(consent));
        _expectOutcome(access, _keyOf(alice), hospital.second.account, Codes.GRANTED, NOW + 30 minutes);
        _listen();
        vm.prank(hospital.second.account);
        gateway.request(Words.pack(consent), Words.pack(access));

        _assertHeard();
    }

    /// Each granted access costs one use; a denied one costs none.
    function test_request__granted__spends_one_use() public {
        Consent memory consent = _consent(alice, hospital);
        consent.head.maxUses = 2;
        _grant(alice, consent);
        vm.assertEq(_code(consent, hospital), Codes.GRANTED);
        vm.assertEq(_usesLeft(consent), 1);
        Access memory tooHigh = _access(hospital, _idOf(consent));
        tooHigh.level = 5;
        _request(consent, tooHigh, hospital);
        vm.assertEq(_usesLeft(consent), 1);
        vm.assertEq(_code(consent, hospital), Codes.GRANTED);
        vm.assertEq(_usesLeft(consent), 0);
        vm.assertEq(_used(hospital), 3);
    }

    /// Two accesses that differ in their salt alone are two.
    function test_request__again_with_another_salt__is_another_access() public {
        Consent memory consent = _granted(alice, hospital);
        Access memory access = _access(hospital, _idOf(consent));
        _request(consent, access, hospital);
        access.salt = "another";
        (, uint16 code) = _request(consent, access, hospital);

        vm.assertEq(code, Codes.GRANTED);
    }

    /* LENGTH OF A SESSION */

    function test_request__session_of_zero_minutes__is_an_hour() public {
        _assertSession(0, 30 days, 1 hours);
    }

    function test_request__session_of_a_minute__is_a_minute() public {
        _assertSession(1, 30 days, 1 minutes);
    }

    function test_request__session_of_a_day__is_a_day() public {
        _assertSession(1439, 30 days, 1 days - 60);
        _assertSession(1440, 30 days, 1 days);
    }

    function test_request__session_of_more_than_a_day__is_cut_to_a_day() public {
        _assertSession(1441, 30 days, 1 days);
        _assertSession(type(uint32).max, 30 days, 1 days);
    }

    function test_request__consent_ends_before_the_session__ends_the_access() public {
        _assertSession(10, 600, 600);
        _assertSession(10, 601, 600);
        _assertSession(10, 599, 599);
        _assertSession(10, 1, 1);
    }

    /* MALFORMED */

    function test_request__of_another_kind__is_refused() public {
        uint8[4] memory kinds = [0, AccessKind.OWN, AccessKind.EMERGENCY, 4];
        for (uint256 i = 0; i < kinds.length; ++i) {
            (Consent memory consent, Access memory access) = _good();
            access.kind = kinds[i];
            _assertRefused(consent, access, Refusal.MALFORMED);
        }
    }

    function test_request__without_a_purpose__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        access.purpose = 0;
        _assertRefused(consent, access, Refusal.MALFORMED);
    }

    function testFuzz_request__with_two_purposes__is_refused(uint8 one, uint8 other) public {
        vm.assume(one % 32 != other % 32);
        (Consent memory consent, Access memory access) = _good();
        access.purpose = uint32(1) << (one % 32) | uint32(1) << (other % 32);
        _assertRefused(consent, access, Refusal.MALFORMED);
    }

    function test_request__without_records__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        access.recordCount = 0;
        _assertRefused(consent, access, Refusal.MALFORMED);
        access.recordCount = 1;
        _assertGranted(consent, access);
    }

    function test_request__of_more_than_1024_records__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        access.recordCount = 1025;
        _assertRefused(consent, access, Refusal.MALFORMED);
        access.recordCount = type(uint16).max;
        _assertRefused(consent, access, Refusal.MALFORMED);
        access.recordCount = 1024;
        _assertGranted(consent, access);
    }

    function test_request__without_a_records_root__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        access.recordsRoot = 0;
        _assertRefused(consent, access, Refusal.MALFORMED);
        access.recordsRoot = bytes32(uint256(1));
        _assertGranted(consent, access);
    }

    function test_request__without_a_session_key__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        access.sessionKey = 0;
        _assertRefused(consent, access, Refusal.MALFORMED);
        access.sessionKey = bytes32(uint256(1));
        _assertGranted(consent, access);
    }

    function test_request__without_a_participant__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        access.participantId = 0;
        _assertRefused(consent, access, Refusal.MALFORMED);
    }

    /// A bit above the last field of a word, each alone.
    function test_request__with_a_dirty_bit__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        for (uint256 bit = 160; bit < 256; ++bit) {
            ConsentWords memory words = Words.pack(consent);
            words.holder |= 1 << bit;
            _assertDirty(words, Words.pack(access));
            words = Words.pack(consent);
            words.head |= 1 << bit;
            _assertDirty(words, Words.pack(access));
        }
        for (uint256 bit = 208; bit < 256; ++bit) {
            ConsentWords memory words = Words.pack(consent);
            words.scope |= 1 << bit;
            _assertDirty(words, Words.pack(access));
        }
        for (uint256 bit = 240; bit < 256; ++bit) {
            ConsentWords memory words = Words.pack(consent);
            words.validity |= 1 << bit;
            _assertDirty(words, Words.pack(access));
            AccessWords memory dirty = Words.pack(access);
            dirty.scope |= 1 << bit;
            _assertDirty(Words.pack(consent), dirty);
        }
        for (uint256 bit = 64; bit < 256; ++bit) {
            AccessWords memory dirty = Words.pack(access);
            dirty.deadline |= 1 << bit;
            _assertDirty(Words.pack(consent), dirty);
        }
    }

    /* TIME */

    function test_request__last_second_of_its_deadline__is_granted_and_then_refused() public {
        (Consent memory consent, Access memory access) = _good();
        vm.warp(access.deadline);
        uint256 lastSecond = vm.snapshotState();
        _assertGranted(consent, access);

        vm.revertToState(lastSecond);
        _skip(1);
        _assertRefused(consent, access, Refusal.DEADLINE_PASSED);
    }

    /* WHO */

    function test_request__by_nobodys_operator__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        vm.prank(stranger.account);
        _expectRefusal(access, Refusal.NOT_OPERATOR);
        gateway.request(Words.pack(consent), Words.pack(access));
    }

    function test_request__by_a_removed_operator__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        vm.prank(hospital.principal.account);
        participants.removeOperator(hospital.id, hospital.second.account);
        vm.prank(hospital.second.account);
        _expectRefusal(access, Refusal.NOT_OPERATOR);
        gateway.request(Words.pack(consent), Words.pack(access));
    }

    /// Nobody asks for itself by naming itself: the name must be the operator's participant.
    function test_request__in_anothers_name__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        _expectRefusal(access, Refusal.OTHER_PARTICIPANT);
        _request(consent, access, clinic);
        access.participantId = "nobody";
        _expectRefusal(access, Refusal.OTHER_PARTICIPANT);
        _request(consent, access, hospital);
    }

    /* QUOTA */

    function test_request__beyond_the_quota__is_refused_until_the_next_hour() public {
        Consent memory consent = _granted(alice, hospital);
        _setQuota(hospital, 2);
        vm.warp(NOW + 1 hours - 2);
        _code(consent, hospital);
        vm.assertEq(_code(consent, hospital), Codes.GRANTED);
        vm.warp(NOW + 1 hours - 1);
        _assertRefused(consent, _access(hospital, _idOf(consent)), Refusal.QUOTA_USED_UP);

        vm.warp(NOW + 1 hours);
        _assertGranted(consent, _access(hospital, _idOf(consent)));
        vm.assertEq(_used(hospital), 1);
    }

    function test_request__with_a_quota_of_zero__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        _setQuota(hospital, 0);
        _assertRefused(consent, access, Refusal.QUOTA_USED_UP);
    }

    /* ONCE */

    function test_request__recorded_before__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        _request(consent, access, hospital);
        uint256 word = _wordOf(_idOf(access));
        _expectRefusal(access, Refusal.ACCESS_KNOWN);
        _request(consent, access, hospital);
        vm.assertEq(_wordOf(_idOf(access)), word);
    }

    function test_request__denied_before__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        access.level = 5;
        _request(consent, access, hospital);
        _expectRefusal(access, Refusal.ACCESS_KNOWN);
        _request(consent, access, hospital);
    }

    /* WHICH CONSENT */

    function test_request__that_names_another_consent__is_refused() public {
        (Consent memory consent, Access memory access) = _good();
        Consent memory other = _granted(alice, hospital);
        access.referenceId = _idOf(other);
        _assertRefused(consent, access, Refusal.OTHER_CONSENT);
        _assertGranted(other, access);
    }

    function test_request__of_a_consent_never_granted__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        _assertRefused(consent, _access(hospital, _idOf(consent)), Refusal.CONSENT_UNKNOWN);
    }

    /// Whatever else is wrong: a consent nobody granted leaves no trace on its would-be holder's chain.
    function test_request__of_a_wide_consent_never_granted__is_refused() public {
        Consent memory consent = _consent(alice, clinic);
        consent.scope.ruleset = 7;
        _assertRefused(consent, _access(hospital, _idOf(consent)), Refusal.CONSENT_UNKNOWN);
        _suspend(hospital);
        _assertRefused(consent, _access(hospital, _idOf(consent)), Refusal.CONSENT_UNKNOWN);
    }

    /// Of several reasons the first in the contract's order is told: request, operator, quota, consent.
    function test_request__wrong_in_many_ways__tells_the_first_reason() public {
        Consent memory consent = _consent(alice, hospital);
        Access memory access = _access(clinic, "another");
        access.sessionKey = 0;
        access.deadline = NOW - 1;
        ConsentWords memory dirty = Words.pack(consent);
        dirty.head |= 1 << 255;
        _setQuota(hospital, 0);
        _assertRefusedBy(stranger.account, dirty, access, Refusal.MALFORMED);
        access.sessionKey = "key";
        _assertRefusedBy(stranger.account, dirty, access, Refusal.DEADLINE_PASSED);
        access.deadline = NOW;
        _assertRefusedBy(stranger.account, dirty, access, Refusal.NOT_OPERATOR);
        _assertRefusedBy(hospital.principal.account, dirty, access, Refusal.OTHER_PARTICIPANT);
        access.participantId = hospital.id;
        _assertRefusedBy(hospital.principal.account, dirty, access, Refusal.QUOTA_USED_UP);
        _setQuota(hospital, 1);
        _assertRefusedBy(hospital.principal.account, dirty, access, Refusal.MALFORMED);
        _assertRefusedBy(hospital.principal.account, Words.pack(consent), access, Refusal.OTHER_CONSENT);
        access.referenceId = _idOf(consent);
        _assertRefusedBy(hospital.principal.account, Words.pack(consent), access, Refusal.CONSENT_UNKNOWN);
    }

    /* INTERNAL */

    function _assertRefusedBy(address sender, ConsentWords memory consent, Access memory access, uint8 refusal)
        private
    {
        vm.prank(sender);
        _expectRefusal(access, refusal);
        gateway.request(consent, Words.pack(access));
    }

    function _good() private returns (Consent memory consent, Access memory access) {
        consent = _granted(alice, hospital);
        access = _access(hospital, _idOf(consent));
    }

    function _assertGranted(Consent memory consent, Access memory access) private {
        (, uint16 code) = _request(consent, access, hospital);
        vm.assertEq(code, Codes.GRANTED);
    }

    /// @dev Refused with this reason, and nothing is kept.
    function _assertRefused(Consent memory consent, Access memory access, uint8 refusal) private {
        _expectRefusal(access, refusal);
        _request(consent, access, hospital);
        vm.assertEq(_wordOf(_idOf(access)), 0);
    }

    function _assertDirty(ConsentWords memory consent, AccessWords memory access) private {
        bytes32 accessId = gateway.idOf(access);
        vm.prank(hospital.principal.account);
        _expectRefusal(accessId, Refusal.MALFORMED);
        gateway.request(consent, access);
    }

    /// @dev A consent with this session and validity gives an access of this length.
    function _assertSession(uint32 minutes_, uint64 validity, uint64 length) private {
        Consent memory consent = _consent(alice, hospital);
        consent.scope.sessionMinutes = minutes_;
        consent.scope.validUntil = NOW + validity;
        _grant(alice, consent);
        (bytes32 accessId,) = _request(consent, hospital);
        vm.assertEq(gateway.accessOf(accessId).expiry, NOW + length);
    }

    function _usesLeft(Consent memory consent) private view returns (uint32) {
        return ConsentSlot.usesLeft(consents.slotOf(consent.head.holder, _idOf(consent)));
    }
}
