// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessGateway} from "../../../contracts/interfaces/IAccessGateway.sol";
import {AccessSlot} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {ParticipantRole} from "../../../contracts/types/Participant.sol";
import {vm} from "../Vm.sol";
import {Actor} from "../base/Actors.sol";
import {Consent} from "../base/Words.sol";
import {GatewayTest} from "./GatewayTest.sol";

/// @notice `freeze` and `unfreeze`, one the other's way back.
contract FreezeTest is GatewayTest {
    bytes32 private _key;
    bytes32 private _accessId;

    function setUp() public override {
        super.setUp();
        (_accessId,) = _request(_granted(alice, hospital), hospital);
        _key = _keyOf(alice);
    }

    /* WHAT THEY DO */

    function test_freeze__by_a_supervisor__stops_the_access() public {
        uint256 word = _wordOf(_accessId);
        _expect(address(gateway));
        emit IAccessGateway.AccessFrozen(_accessId, regulator.id, regulator.second.account);
        _expectEntry(address(gateway), _key, Entries.ACCESS_FROZEN, 0, _accessId);
        _listen();
        _freeze(regulator.second, _accessId);

        _assertHeard();
        vm.assertEq(_wordOf(_accessId), word | 1 << 88);
        vm.assertTrue(gateway.accessOf(_accessId).frozen);
        vm.assertFalse(gateway.accessOf(_accessId).reviewed);
    }

    function test_unfreeze__by_a_supervisor__lets_it_go_on() public {
        uint256 word = _wordOf(_accessId);
        _freeze(regulator.principal, _accessId);
        _skip(1);
        _expect(address(gateway));
        emit IAccessGateway.AccessUnfrozen(_accessId, regulator.id, regulator.second.account);
        _expectEntry(address(gateway), _key, Entries.ACCESS_UNFROZEN, 0, _accessId);
        _listen();
        _unfreeze(regulator.second, _accessId);

        _assertHeard();
        vm.assertEq(_wordOf(_accessId), word);
        _freeze(regulator.principal, _accessId);
        vm.assertEq(_wordOf(_accessId), word | AccessSlot.FROZEN);
    }

    /// Every kind of access can be stopped, and a review stays through it.
    function test_freeze__of_own_and_emergency__stops_them() public {
        bytes32 ref = _bind(hospital, "alice", alice);
        (bytes32 own,) = _requestOwn(alice, _ownAccess(ref));
        (bytes32 emergency,) = _requestEmergency(clinic, _emergencyAccess(clinic, ref));
        vm.startPrank(regulator.principal.account);
        gateway.freeze(own, ref);
        gateway.review(emergency, ref, 1);
        gateway.freeze(emergency, ref);
        vm.assertTrue(gateway.accessOf(own).frozen);
        vm.assertTrue(gateway.accessOf(emergency).frozen && gateway.accessOf(emergency).reviewed);
        gateway.unfreeze(emergency, ref);
        vm.stopPrank();
        vm.assertTrue(!gateway.accessOf(emergency).frozen && gateway.accessOf(emergency).reviewed);
        vm.assertEq(gateway.accessOf(emergency).expiry, NOW + 4 hours);
    }

    /* REFUSALS */

    function test_freeze__of_an_unknown_or_denied_access__is_refused() public {
        _expectNotGranted("unknown", 0);
        _freeze(regulator.principal, "unknown");
        _expectNotGranted("unknown", 0);
        _unfreeze(regulator.principal, "unknown");
        bytes32 denied = _denied();
        _expectNotGranted(denied, Codes.CONSENT_REVOKED);
        _freeze(regulator.principal, denied);
        _expectNotGranted(denied, Codes.CONSENT_REVOKED);
        _unfreeze(regulator.principal, denied);
    }

    function test_freeze__with_another_key__is_refused() public {
        bytes32[4] memory keys =
            [bytes32(0), _keyOf(bob), bytes32(uint256(_key) ^ 1), bytes32(uint256(_key) ^ 1 << 255)];
        for (uint256 i = 0; i < keys.length; ++i) {
            bytes memory wrong =
                abi.encodeWithSelector(IAccessGateway.AccessGatewayWrongKey.selector, _accessId, keys[i]);
            vm.startPrank(regulator.principal.account);
            vm.expectRevert(wrong);
            gateway.freeze(_accessId, keys[i]);
            gateway.freeze(_accessId, _key);
            vm.expectRevert(wrong);
            gateway.unfreeze(_accessId, keys[i]);
            gateway.unfreeze(_accessId, _key);
            vm.stopPrank();
        }
    }

    function test_freeze__of_a_frozen_access__is_refused() public {
        _freeze(regulator.principal, _accessId);
        _expectUnchanged();
        _freeze(regulator.principal, _accessId);
    }

    function test_unfreeze__of_an_access_not_frozen__is_refused() public {
        _expectUnchanged();
        _unfreeze(regulator.principal, _accessId);
        _freeze(regulator.principal, _accessId);
        _unfreeze(regulator.principal, _accessId);
        _expectUnchanged();
        _unfreeze(regulator.principal, _accessId);
    }

    /// Neither who asked, nor the patient, nor a hospital, a custodian or the Council.
    function test_freeze__by_anybody_else__is_refused() public {
        address[6] memory others = [
            hospital.principal.account,
            clinic.principal.account,
            east.principal.account,
            alice.account,
            stranger.account,
            address(council)
        ];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            _expectNotSupervisor(others[i]);
            gateway.freeze(_accessId, _key);
        }
        _freeze(regulator.principal, _accessId);
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            _expectNotSupervisor(others[i]);
            gateway.unfreeze(_accessId, _key);
        }
    }

    /// Every role but SUPERVISE together is not enough.
    function test_freeze__with_all_other_roles__is_refused() public {
        _setTerms(institute, ParticipantRole.ALL & ~ParticipantRole.SUPERVISE, ACCREDITED_UNTIL, QUOTA);
        _expectNotSupervisor(institute.principal.account);
        _freeze(institute.principal, _accessId);
        _setTerms(institute, ParticipantRole.SUPERVISE, ACCREDITED_UNTIL, QUOTA);
        _freeze(institute.principal, _accessId);
        _setTerms(institute, ParticipantRole.ALL & ~ParticipantRole.SUPERVISE, ACCREDITED_UNTIL, QUOTA);
        _expectNotSupervisor(institute.principal.account);
        _unfreeze(institute.principal, _accessId);
    }

    function test_freeze__by_a_suspended_supervisor__is_refused() public {
        _suspend(regulator);
        _expectNotSupervisor(regulator.principal.account);
        _freeze(regulator.principal, _accessId);
    }

    /* INTERNAL */

    function _freeze(Actor memory by, bytes32 accessId) private {
        vm.prank(by.account);
        gateway.freeze(accessId, _key);
    }

    function _unfreeze(Actor memory by, bytes32 accessId) private {
        vm.prank(by.account);
        gateway.unfreeze(accessId, _key);
    }

    function _denied() private returns (bytes32 accessId) {
        Consent memory consent = _consent(alice, hospital);
        _revoke(alice, _idOf(consent));
        (accessId,) = _request(consent, hospital);
    }

    function _expectNotGranted(bytes32 accessId, uint16 code) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayNotGranted.selector, accessId, code));
    }

    function _expectNotSupervisor(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayNotSupervisor.selector, caller));
    }

    function _expectUnchanged() private {
        vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayUnchanged.selector, _accessId));
    }
}
