// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessGateway} from "../../../contracts/AccessGateway.sol";
import {SignedRequest} from "../../../contracts/interfaces/IAccessGateway.sol";
import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {Tenure} from "../../../contracts/interfaces/ICouncil.sol";
import {IParticipantRegistry} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {Access} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {ConsentSlot} from "../../../contracts/types/Consent.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {vm} from "../Vm.sol";
import {Base} from "../base/Base.sol";
import {Consent} from "../base/Words.sol";

/// @notice A gateway switched in by the Council: what was opened stays readable, uses go on where they were, and the retired
/// one can neither append, consume nor charge.
contract UpgradeAttacks is Base {
    bytes32 private _ref;
    Consent private _old;
    bytes32 private _oldAccess;
    AccessGateway private _retired;

    function setUp() public override {
        super.setUp();
        _ref = _bind(hospital, "alice", alice);
        Consent memory consent = _consent(alice, hospital);
        consent.head.maxUses = 3;
        (consent.scope.validUntil, consent.scope.windowMonths) = (_time() + 365 days, 12);
        _grant(alice, consent);
        _old = consent;
        (_oldAccess,) = _request(consent, hospital);
        _retired = gateway;
        gateway = _installed();
    }

    function test_retired__request__is_refused() public {
        Consent memory consent = _old;
        gateway = _retired;
        Access memory access = _access(hospital, _idOf(consent));
        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryNotGateway.selector);
        _request(consent, access, hospital);

        SignedRequest[] memory requests = new SignedRequest[](1);
        requests[0] = _signed(consent, access, hospital.principal);
        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryNotGateway.selector);
        gateway.requestMany(requests);
    }

    function test_retired__own_and_emergency__are_refused() public {
        gateway = _retired;
        Access memory own = _ownAccess(_ref);
        Access memory emergency = _emergencyAccess(clinic, _ref);
        vm.expectPartialRevert(IAuditLog.AuditLogNotWriter.selector);
        _requestOwn(alice, own);
        vm.expectPartialRevert(IAuditLog.AuditLogNotWriter.selector);
        _requestEmergency(clinic, emergency);
    }

    function test_retired__appends_charges_or_consumes__is_refused() public {
        bytes32 id = _idOf(_old);
        vm.startPrank(address(_retired));
        vm.expectPartialRevert(IAuditLog.AuditLogNotWriter.selector);
        log.append(_ref, 1, 1, "entry");
        vm.expectPartialRevert(IParticipantRegistry.ParticipantRegistryNotGateway.selector);
        participants.charge(hospital.id, 1);
        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryNotGateway.selector);
        consents.consume(alice.account, id, true);
        vm.stopPrank();
    }

    /// A gateway that nobody has voted in is nothing.
    function test_uninstalled__appends_charges_or_consumes__is_refused() public {
        Consent memory consent = _old;
        gateway = new AccessGateway(council);
        Access memory access = _access(hospital, _idOf(consent));
        Access memory own = _ownAccess(_ref);
        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryNotGateway.selector);
        _request(consent, access, hospital);
        vm.expectPartialRevert(IAuditLog.AuditLogNotWriter.selector);
        _requestOwn(alice, own);
    }

    function test_switch__old_accesses__stay_readable() public view {
        vm.assertEq(uint256(_retired.accessOf(_oldAccess).code), Codes.GRANTED);
        vm.assertEq(council.tenureCount(Directory.ACCESS_GATEWAY), 2);
        Tenure memory first = council.tenureAt(Directory.ACCESS_GATEWAY, 0);
        Tenure memory second = council.tenureAt(Directory.ACCESS_GATEWAY, 1);
        vm.assertEq(first.account, address(_retired));
        vm.assertTrue(first.untilBlock == second.fromBlock && second.untilBlock == 0);
    }

    /// Uses are counted in the registry: a new gateway begins where the old one stopped.
    function test_switch__limited_consent__keeps_its_uses() public {
        Consent memory consent = _old;
        vm.assertEq(uint256(ConsentSlot.usesLeft(consents.slotOf(alice.account, _idOf(consent)))), 2);
        vm.assertEq(_code(consent, hospital), Codes.GRANTED);
        vm.assertEq(_code(consent, hospital), Codes.GRANTED);
        vm.assertEq(_code(consent, hospital), Codes.CONSENT_USED_UP);
    }

    /// What the Council brings back after another vote and delay works again, and its successor no longer.
    function test_switch__back__retires_the_second() public {
        Consent memory consent = _old;
        AccessGateway second = gateway;
        _voteLate(address(council), _installation(Directory.ACCESS_GATEWAY, address(_retired)).callData);

        Access memory access = _access(hospital, _idOf(consent));
        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryNotGateway.selector);
        _request(consent, access, hospital);
        gateway = _retired;
        vm.assertEq(_code(consent, hospital), Codes.GRANTED);
        vm.assertFalse(log.isWriter(address(second)));
    }

    function _installed() private returns (AccessGateway second) {
        second = new AccessGateway(council);
        _voteLate(address(council), _installation(Directory.ACCESS_GATEWAY, address(second)).callData);
    }
}
