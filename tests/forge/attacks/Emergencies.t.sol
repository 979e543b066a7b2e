// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessGateway, Refusal} from "../../../contracts/interfaces/IAccessGateway.sol";
import {Access, AccessKind} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {Labels} from "../../../contracts/types/Labels.sol";
import {vm} from "../Vm.sol";
import {Actor, seal} from "../base/Actors.sol";
import {Base} from "../base/Base.sol";
import {Words} from "../base/Words.sol";

/// @notice The emergency path: two operators, no way past a freeze or an absolute denial, four hours, and a review by
/// others, without which the next one is blocked.
contract EmergencyAttacks is Base {
    bytes32 private _ref;

    function setUp() public override {
        super.setUp();
        _ref = _bind(hospital, "alice", alice);
    }

    /* WHO */

    function test_requestEmergency__one_operator_twice__is_refused() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        _expectRefusal(access, Refusal.SAME_OPERATOR);
        _send(access, clinic.principal, clinic.principal);
    }

    function test_requestEmergency__second_of_another_institution__is_refused() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        _expectRefusal(access, Refusal.OTHER_PARTICIPANT);
        _send(access, clinic.principal, hospital.principal);
        _expectRefusal(access, Refusal.OTHER_PARTICIPANT);
        _send(access, clinic.principal, stranger);
        _expectRefusal(access, Refusal.OTHER_PARTICIPANT);
        _send(access, hospital.principal, clinic.principal);
    }

    function test_requestEmergency__removed_second__is_refused() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        vm.prank(clinic.principal.account);
        participants.removeOperator(clinic.id, clinic.second.account);

        _expectRefusal(access, Refusal.OTHER_PARTICIPANT);
        _send(access, clinic.principal, clinic.second);
    }

    function test_requestEmergency__unqualified_or_suspended__is_denied() public {
        (, uint16 code) = _requestEmergency(institute, _emergencyAccess(institute, _ref));
        vm.assertEq(code, Codes.NOT_QUALIFIED);
        (, code) = _requestEmergency(east, _emergencyAccess(east, _ref));
        vm.assertEq(code, Codes.NOT_QUALIFIED);

        _suspend(clinic);
        (, code) = _requestEmergency(clinic, _emergencyAccess(clinic, _ref));
        vm.assertEq(code, Codes.PARTICIPANT_INACTIVE);
    }

    /// Another purpose must not use the way without a consent, nor an emergency purpose the way with one.
    function test_requestEmergency__for_another_purpose__is_denied() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        access.purpose = Labels.TREAT;
        (, uint16 code) = _requestEmergency(clinic, access);
        vm.assertEq(code, Codes.NOT_QUALIFIED);

        access.kind = AccessKind.CONSENT;
        _expectRefusal(access, Refusal.MALFORMED);
        _requestEmergency(clinic, access);
    }

    function test_requestEmergency__of_an_unknown_subject__is_refused() public {
        Access memory access = _emergencyAccess(clinic, "nobody");
        _expectRefusal(access, Refusal.SUBJECT_UNKNOWN);
        _requestEmergency(clinic, access);
    }

    /* THE PATIENT'S WORD */

    function test_requestEmergency__frozen_through_a_merge__is_denied() public {
        bytes32 other = _bind(hospital, "alice again", alice);
        bytes32 third = _bind(hospital, "alice once more", alice);
        _link(hospital, other, _ref, alice, alice);
        _link(hospital, third, _ref, alice, alice);
        bytes32[3] memory group = [_ref, other, third];
        for (uint256 frozen = 0; frozen < 3; ++frozen) {
            _freeze(group[frozen], alice, true);
            for (uint256 asked = 0; asked < 3; ++asked) {
                vm.assertEq(_codeOf(group[asked]), Codes.SUBJECT_FROZEN);
                (, uint16 own) = _requestOwn(alice, _ownAccess(group[asked]));
                vm.assertEq(own, Codes.SUBJECT_FROZEN);
            }
            _freeze(group[frozen], alice, false);
        }
    }

    function test_requestEmergency__denied_through_a_merge__is_denied() public {
        bytes32 other = _bind(hospital, "alice again", alice);
        _deny(other, alice, clinic, 2);
        vm.assertEq(_codeOf(_ref), Codes.GRANTED);

        _link(hospital, other, _ref, alice, alice);
        vm.assertEq(_codeOf(_ref), Codes.SUBJECT_DENIES);
        _deny(_ref, alice, clinic, 1);
        vm.assertEq(_codeOf(other), Codes.SUBJECT_DENIES);
    }

    /// Taking a merge back takes nothing of a reference's own word back.
    function test_requestEmergency__frozen_then_unlinked__is_denied() public {
        bytes32 other = _bind(hospital, "alice again", alice);
        _link(hospital, other, _ref, alice, alice);
        _freeze(other, alice, true);
        _unlink(hospital, other, alice);

        vm.assertEq(_codeOf(other), Codes.SUBJECT_FROZEN);
        vm.assertEq(_codeOf(_ref), Codes.GRANTED);
    }

    /* HOW LONG */

    function test_requestEmergency__granted__ends_after_four_hours() public {
        (bytes32 accessId,) = _requestEmergency(clinic, _emergencyAccess(clinic, _ref));
        uint64 expiry = _time() + 4 hours;
        vm.assertEq(gateway.accessOf(accessId).expiry, expiry);

        vm.startPrank(regulator.principal.account);
        gateway.freeze(accessId, _ref);
        _skip(3 hours);
        gateway.unfreeze(accessId, _ref);
        gateway.review(accessId, _ref, 1);
        vm.stopPrank();
        vm.assertEq(gateway.accessOf(accessId).expiry, expiry);
    }

    /* REVIEW */

    function test_requestEmergency__unreviewed_after_72_hours__is_blocked() public {
        (bytes32 accessId,) = _requestEmergency(clinic, _emergencyAccess(clinic, _ref));
        _skip(72 hours);
        vm.assertEq(_codeOf(_ref), Codes.GRANTED);
        _skip(1);
        vm.assertEq(_codeOf(_ref), Codes.EMERGENCY_BLOCKED);
        (, uint16 code) = _requestEmergency(hospital, _emergencyAccess(hospital, _ref));
        vm.assertEq(code, Codes.GRANTED);

        vm.prank(regulator.principal.account);
        gateway.review(accessId, _ref, 2);
        vm.assertEq(_codeOf(_ref), Codes.GRANTED);
    }

    /// Reviewing the newest must not hide the oldest, in whatever order reviews come.
    function testFuzz_review__in_any_order__oldest_unreviewed_counts(uint256 order) public {
        bytes32[] memory ids = new bytes32[](6);
        for (uint256 i = 0; i < ids.length; ++i) {
            (ids[i],) = _requestEmergency(clinic, _emergencyAccess(clinic, _ref));
            _skip(1 hours);
        }
        _skip(72 hours);

        for (uint256 left = ids.length; left > 0; --left) {
            vm.assertEq(_codeOf(_ref), Codes.EMERGENCY_BLOCKED);
            uint256 pick = order % left;
            order /= left;
            bytes32 id = _nth(ids, pick);
            vm.prank(regulator.principal.account);
            gateway.review(id, _ref, 1);
            (bytes32 oldest,) = gateway.openEmergencyOf(clinic.id);
            vm.assertEq(oldest, left == 1 ? bytes32(0) : _nth(ids, 0));
        }
        vm.assertEq(_codeOf(_ref), Codes.GRANTED);
    }

    /// Hundreds of emergencies reviewed from the newest on: each review costs the same, none becomes impossible.
    function test_review__of_the_oldest_behind_many__costs_no_more() public {
        bytes32 oldest;
        for (uint256 i = 0; i < 400; ++i) {
            if (i % QUOTA == 0) _skip(1 hours);
            (bytes32 id,) = _requestEmergency(clinic, _emergencyAccess(clinic, _ref));
            if (i == 0) {
                oldest = id;
                continue;
            }
            vm.prank(regulator.principal.account);
            gateway.review(id, _ref, 1);
        }

        vm.prank(regulator.principal.account);
        uint256 before = gasleft();
        gateway.review(oldest, _ref, 1);
        vm.assertTrue(before - gasleft() < 100_000);
    }

    function test_review__by_itself_or_the_unqualified__is_refused() public {
        (bytes32 accessId,) = _requestEmergency(clinic, _emergencyAccess(clinic, _ref));
        Actor[4] memory callers = [clinic.principal, clinic.second, institute.principal, stranger];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i].account);
            vm.expectPartialRevert(IAccessGateway.AccessGatewayNotReviewer.selector);
            gateway.review(accessId, _ref, 1);
        }
        _suspend(hospital);
        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(IAccessGateway.AccessGatewayNotReviewer.selector);
        gateway.review(accessId, _ref, 1);
    }

    function test_review__twice_or_of_no_emergency__is_refused() public {
        (bytes32 accessId,) = _requestEmergency(clinic, _emergencyAccess(clinic, _ref));
        (bytes32 own,) = _requestOwn(alice, _ownAccess(_ref));
        vm.startPrank(regulator.principal.account);
        gateway.review(accessId, _ref, 1);
        vm.expectPartialRevert(IAccessGateway.AccessGatewayUnchanged.selector);
        gateway.review(accessId, _ref, 2);
        vm.expectPartialRevert(IAccessGateway.AccessGatewayNotEmergency.selector);
        gateway.review(own, _ref, 1);
        vm.stopPrank();
    }

    function _codeOf(bytes32 ref) private returns (uint16 code) {
        (, code) = _requestEmergency(clinic, _emergencyAccess(clinic, ref));
    }

    /// @dev The n-th of the ids that is not reviewed yet.
    function _nth(bytes32[] memory ids, uint256 n) private view returns (bytes32) {
        for (uint256 i = 0; i < ids.length; ++i) {
            if (gateway.accessOf(ids[i]).reviewed) continue;
            if (n == 0) return ids[i];
            --n;
        }
        return 0;
    }

    function _send(Access memory access, Actor memory first, Actor memory second) private {
        bytes32 id = _idOf(access);
        gateway.requestEmergency(Words.pack(access), seal(first, id), seal(second, id));
    }

    function _expectRefusal(Access memory access, uint8 refusal) private {
        bytes32 id = _idOf(access);
        vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayRefused.selector, id, refusal));
    }
}
