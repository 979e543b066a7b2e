// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Access} from "../../contracts/types/Access.sol";
import {Codes} from "../../contracts/types/Codes.sol";
import {RecordLib, RecordStatus} from "../../contracts/types/Record.sol";
import {vm} from "./Vm.sol";
import {Base} from "./base/Base.sol";
import {Consent, Words} from "./base/Words.sol";

/// @notice The base of the other tests says the same as the contracts, and its verbs work.
contract BaseTest is Base {
    /// Packing and digests of the base are those of the contracts, whatever the values.
    function testFuzz_digests__of_base__equal_the_gateways(Consent memory consent, Access memory access) public view {
        vm.assertEq(gateway.consentIdOf(Words.pack(consent)), _idOf(consent));
        vm.assertEq(gateway.idOf(Words.pack(access)), _idOf(access));
    }

    function test_consent__granted_replaced_revoked__decides_requests() public {
        Consent memory first = _granted(alice, hospital);
        vm.assertEq(_code(first, hospital), Codes.GRANTED);

        Consent memory second = _consent(alice, hospital);
        second.head.replaces = _idOf(first);
        _replace(alice, second);
        vm.assertEq(_code(first, hospital), Codes.CONSENT_REPLACED);
        vm.assertEq(_code(second, hospital), Codes.GRANTED);

        _revoke(alice, _idOf(second));
        vm.assertEq(_code(second, hospital), Codes.CONSENT_REVOKED);

        Consent memory third = _granted(alice, hospital);
        _revokeAll(alice);
        vm.assertEq(_code(third, hospital), Codes.CONSENT_VOID);
    }

    function test_subject__life__every_verb_works() public {
        bytes32 ref = _bind(hospital, "alice", alice);
        bytes32 other = _bind(hospital, "alice again", alice);
        _appoint(ref, alice, guardian.account);
        _freeze(ref, guardian, true);
        _freeze(ref, alice, false);
        _deny(ref, alice, clinic, 2);
        _retain(ref, alice, 3);
        _link(hospital, ref, other, alice, alice);
        vm.assertEq(subjects.denialOf(other, clinic.id), 2);
        _unlink(hospital, ref, alice);
        _rotate(ref, alice, bob);
        _recover(ref, hospital, carol);
        _veto(ref, bob);
        _recover(ref, hospital, carol);
        _skip(RECOVERY_DELAY);
        subjects.complete(ref);
        vm.assertEq(subjects.controllerOf(ref), carol.account);
    }

    function test_accesses__own_and_emergency__are_granted() public {
        bytes32 ref = _bind(hospital, "alice", alice);
        (, uint16 own) = _requestOwn(alice, _ownAccess(ref));
        (bytes32 accessId, uint16 emergency) = _requestEmergency(clinic, _emergencyAccess(clinic, ref));
        vm.prank(regulator.principal.account);
        gateway.review(accessId, ref, 1);

        vm.assertEq(own, Codes.GRANTED);
        vm.assertEq(emergency, Codes.GRANTED);
    }

    function test_record__ordered_and_attested__is_destroyed() public {
        bytes32 ref = _bind(hospital, "alice", alice);
        _anchor(hospital, "root", 10);
        _invalidate(hospital, "leaf", ref);
        _order(hospital, "record", ref, alice);
        _skip(COOLING_OFF);
        _attest(east, hospital, "record", ref);
        bytes32 order = RecordLib.orderId("record", ref);
        vm.assertEq(uint8(records.stateOf(hospital.id, order)), RecordStatus.ORDERED);
        _attest(west, hospital, "record", ref);

        vm.assertEq(uint8(records.stateOf(hospital.id, order)), RecordStatus.DESTROYED);
    }
}
