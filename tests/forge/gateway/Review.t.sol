// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessGateway} from "../../../contracts/interfaces/IAccessGateway.sol";
import {AccessKind, AccessSlot} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {ParticipantRole} from "../../../contracts/types/Participant.sol";
import {vm} from "../Vm.sol";
import {Actor, Institution} from "../base/Actors.sol";
import {Consent} from "../base/Words.sol";
import {GatewayTest} from "./GatewayTest.sol";

contract ReviewTest is GatewayTest {
    bytes32 private _ref;

    function setUp() public override {
        super.setUp();
        _ref = _bind(hospital, "alice", alice);
    }

    /* WHAT IT DOES */

    function test_review__of_an_emergency__is_kept_and_logged() public {
        Actor[3] memory reviewers = [regulator.principal, regulator.second, hospital.principal];
        bytes32[3] memory ids = [regulator.id, regulator.id, hospital.id];
        for (uint256 i = 0; i < reviewers.length; ++i) {
            bytes32 accessId = _emergency();
            uint256 word = _wordOf(accessId);
            uint8 verdict = uint8(1 + i % 2);
            _expect(address(gateway));
            emit IAccessGateway.AccessReviewed(accessId, ids[i], reviewers[i].account, verdict);
            _expectEntry(address(gateway), _ref, Entries.ACCESS_REVIEWED, verdict, accessId);
            _listen();
            _review(reviewers[i], accessId, verdict);

            _assertHeard();
            vm.assertEq(_wordOf(accessId), word | 1 << 89);
            vm.assertTrue(gateway.accessOf(accessId).reviewed);
            vm.assertFalse(gateway.accessOf(accessId).frozen);
        }
    }

    /// A review comes when it comes: after the session, after 72 hours, in a freeze.
    function test_review__late_or_frozen__is_kept() public {
        bytes32 accessId = _emergency();
        vm.prank(regulator.principal.account);
        gateway.freeze(accessId, _ref);
        _skip(1000 days);
        _review(regulator.principal, accessId, 2);

        vm.assertEq(_wordOf(accessId) & (AccessSlot.FROZEN | AccessSlot.REVIEWED), uint256(3) << 88);
    }

    function test_review__by_each_role_that_may__is_kept() public {
        uint16[2] memory roles = [ParticipantRole.SUPERVISE, ParticipantRole.CARE];
        for (uint256 i = 0; i < roles.length; ++i) {
            _setTerms(institute, roles[i], ACCREDITED_UNTIL, QUOTA);
            _review(institute.principal, _emergency(), 1);
        }
    }

    /* THE LIST OF THOSE THAT WAIT */

    /// Four emergencies, reviewed in each of the 24 orders: the oldest that is left always leads, and none is lost.
    function test_review__in_every_order__oldest_left_leads() public {
        bytes32[4] memory ids;
        for (uint256 i = 0; i < 4; ++i) {
            ids[i] = _emergency();
            _skip(1 minutes);
        }
        uint256 start = vm.snapshotState();
        for (uint256 order = 0; order < 24; ++order) {
            uint256 rest = order;
            bool[4] memory reviewed;
            for (uint256 left = 4; left > 0; --left) {
                uint256 pick = rest % left;
                rest /= left;
                uint256 chosen = _nth(reviewed, pick);
                reviewed[chosen] = true;
                _review(regulator.principal, ids[chosen], 1);
                _assertOldest(clinic, left == 1 ? bytes32(0) : ids[_nth(reviewed, 0)]);
            }
            // The list works again after it was empty.
            bytes32 next = _emergency();
            _assertOldest(clinic, next);
            vm.revertToState(start);
        }
    }

    /// New emergencies queue behind those that wait, wherever reviews made gaps.
    function test_review__between_new_emergencies__keeps_their_order() public {
        bytes32 first = _emergency();
        bytes32 second = _emergency();
        bytes32 third = _emergency();
        _review(regulator.principal, third, 1);
        bytes32 fourth = _emergency();
        _review(regulator.principal, first, 1);
        _assertOldest(clinic, second);
        _review(regulator.principal, second, 1);
        _assertOldest(clinic, fourth);
        bytes32 fifth = _emergency();
        _review(regulator.principal, fourth, 1);
        _assertOldest(clinic, fifth);
        _review(regulator.principal, fifth, 1);
        _assertOldest(clinic, 0);
    }

    /// Lists of two participants don't touch each other.
    function test_review__of_one_participant__leaves_anothers_list_alone() public {
        bytes32 ofClinic = _emergency();
        (bytes32 ofHospital,) = _requestEmergency(hospital, _emergencyAccess(hospital, _ref));
        bytes32 later = _emergency();
        _review(hospital.principal, ofClinic, 1);
        _assertOldest(clinic, later);
        _assertOldest(hospital, ofHospital);
        _review(clinic.principal, ofHospital, 1);
        _assertOldest(hospital, 0);
        _assertOldest(clinic, later);
    }

    /// Nothing of a reviewed emergency stays in the list (slots 2, 3 and 4: oldest, newest, neighbours).
    function test_review__of_all__leaves_no_links() public {
        bytes32[3] memory ids = [_emergency(), _emergency(), _emergency()];
        uint8[3] memory order = [1, 0, 2];
        for (uint256 i = 0; i < 3; ++i) {
            _review(regulator.principal, ids[order[i]], 1);
            uint256 links = uint256(keccak256(abi.encode(ids[order[i]], uint256(4))));
            vm.assertEq(vm.load(address(gateway), bytes32(links)), 0);
            vm.assertEq(vm.load(address(gateway), bytes32(links + 1)), 0);
        }
        vm.assertEq(vm.load(address(gateway), keccak256(abi.encode(clinic.id, uint256(2)))), 0);
        vm.assertEq(vm.load(address(gateway), keccak256(abi.encode(clinic.id, uint256(3)))), 0);
    }

    /// Overdue begins the second after 72 hours, and counts from the oldest that is left.
    function test_review__of_the_oldest__gives_the_next_its_own_time() public {
        bytes32 first = _emergency();
        _skip(10);
        _emergency();
        vm.warp(NOW + 72 hours);
        _assertOverdue(false);
        vm.warp(NOW + 72 hours + 1);
        _assertOverdue(true);
        _review(regulator.principal, first, 1);
        _assertOverdue(false);
        vm.warp(NOW + 72 hours + 10);
        _assertOverdue(false);
        vm.warp(NOW + 72 hours + 11);
        _assertOverdue(true);
    }

    function test_openEmergencyOf__nobody__is_nothing() public view {
        (bytes32 accessId, bool overdue) = gateway.openEmergencyOf("nobody");
        vm.assertTrue(accessId == 0 && !overdue);
    }

    /* REFUSALS */

    function test_review__of_an_unknown_access__is_refused() public {
        _expectNotGranted("unknown", 0);
        _review(regulator.principal, "unknown", 1);
    }

    function test_review__of_a_denied_emergency__is_refused() public {
        _freeze(_ref, alice, true);
        bytes32 accessId = _emergency();
        _expectNotGranted(accessId, Codes.SUBJECT_FROZEN);
        _review(regulator.principal, accessId, 1);
    }

    function test_review__with_another_key__is_refused() public {
        bytes32 accessId = _emergency();
        bytes32[4] memory keys =
            [bytes32(0), _keyOf(alice), bytes32(uint256(_ref) ^ 1), bytes32(uint256(_ref) ^ 1 << 255)];
        for (uint256 i = 0; i < keys.length; ++i) {
            vm.prank(regulator.principal.account);
            vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayWrongKey.selector, accessId, keys[i]));
            gateway.review(accessId, keys[i], 1);
        }
    }

    function test_review__of_no_emergency__is_refused() public {
        (bytes32 own,) = _requestOwn(alice, _ownAccess(_ref));
        _expectNotEmergency(own, AccessKind.OWN);
        _review(regulator.principal, own, 1);

        Consent memory consent = _granted(alice, hospital);
        (bytes32 accessId,) = _request(consent, hospital);
        _expectNotEmergency(accessId, AccessKind.CONSENT);
        vm.prank(regulator.principal.account);
        gateway.review(accessId, _keyOf(alice), 1);
    }

    function testFuzz_review__with_another_verdict__is_refused(uint8 verdict) public {
        vm.assume(verdict != 1 && verdict != 2);
        bytes32 accessId = _emergency();
        vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayInvalidVerdict.selector, verdict));
        _review(regulator.principal, accessId, verdict);
    }

    function test_review__verdict_zero_or_three__is_refused() public {
        bytes32 accessId = _emergency();
        uint8[2] memory verdicts = [0, 3];
        for (uint256 i = 0; i < verdicts.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayInvalidVerdict.selector, verdicts[i]));
            _review(regulator.principal, accessId, verdicts[i]);
        }
    }

    function test_review__twice__is_refused() public {
        bytes32 accessId = _emergency();
        _review(regulator.principal, accessId, 1);
        vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayUnchanged.selector, accessId));
        _review(hospital.principal, accessId, 2);
    }

    /// Not by the participant itself, whichever operator; not by one without the role; not by nobody.
    function test_review__by_whoever_may_not__is_refused() public {
        bytes32 accessId = _emergency();
        _expectNotReviewer(clinic.principal, clinic.id);
        _review(clinic.principal, accessId, 1);
        _expectNotReviewer(clinic.second, clinic.id);
        _review(clinic.second, accessId, 1);
        _expectNotReviewer(institute.principal, 0);
        _review(institute.principal, accessId, 1);
        _expectNotReviewer(east.principal, 0);
        _review(east.principal, accessId, 1);
        _expectNotReviewer(stranger, 0);
        _review(stranger, accessId, 1);
        _expectNotReviewer(alice, 0);
        _review(alice, accessId, 1);
    }

    function test_review__by_the_suspended_or_no_longer_accredited__is_refused() public {
        bytes32 accessId = _emergency();
        _suspend(hospital);
        _expectNotReviewer(hospital.principal, 0);
        _review(hospital.principal, accessId, 1);
        _setTerms(regulator, regulator.roles, NOW + 1, QUOTA);
        _skip(1);
        _expectNotReviewer(regulator.principal, 0);
        _review(regulator.principal, accessId, 1);
    }

    /* INTERNAL */

    function _emergency() private returns (bytes32 accessId) {
        (accessId,) = _requestEmergency(clinic, _emergencyAccess(clinic, _ref));
    }

    function _review(Actor memory by, bytes32 accessId, uint8 verdict) private {
        vm.prank(by.account);
        gateway.review(accessId, _ref, verdict);
    }

    function _assertOldest(Institution memory member, bytes32 expected) private view {
        (bytes32 oldest,) = gateway.openEmergencyOf(member.id);
        vm.assertEq(oldest, expected);
    }

    function _assertOverdue(bool expected) private view {
        (, bool overdue) = gateway.openEmergencyOf(clinic.id);
        vm.assertTrue(overdue == expected);
    }

    /// @dev Index of the n-th that is not reviewed.
    function _nth(bool[4] memory reviewed, uint256 n) private pure returns (uint256 index) {
        for (index = 0;; ++index) {
            if (reviewed[index]) continue;
            if (n == 0) return index;
            --n;
        }
    }

    function _expectNotGranted(bytes32 accessId, uint16 code) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayNotGranted.selector, accessId, code));
    }

    function _expectNotEmergency(bytes32 accessId, uint8 kind) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayNotEmergency.selector, accessId, kind));
    }

    function _expectNotReviewer(Actor memory by, bytes32 acting) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayNotReviewer.selector, by.account, acting));
    }
}
