// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Denial} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor} from "../base/Actors.sol";
import {Wallet} from "../base/Forgeries.sol";
import {NonceTest} from "./SubjectTest.sol";

contract DenyTest is NonceTest {
    function test_deny__by_the_controller__is_set_for_one_participant() public {
        uint8[4] memory denials = [uint8(1), 2, 1, 0];
        Subject memory expected = subjects.subject(ref);
        for (uint256 i = 0; i < denials.length; ++i) {
            Denial memory denial = _denial(denials[i]);
            bytes memory signature = _signed(alice, _hash(denial));
            _watch(ref);
            vm.prank(relayer.account);
            subjects.deny(denial, signature);
            Vm.Log[] memory told = _told();

            emit ISubjectRegistry.DenialSet(ref, clinic.id, denials[i]);
            _entry(ref, 28, denials[i], clinic.id);
            _assertTold(told);
            _assertChains();
            ++expected.nonce;
            _assertSubject(ref, expected);
            vm.assertEq(subjects.denialOf(ref, clinic.id), denials[i]);
            vm.assertEq(subjects.denialOf(ref, hospital.id), 0);
        }
    }

    /// The law's limits stand outside; a patient may shut out any id, also one that is not known yet.
    function testFuzz_deny__any_participant__is_shut_out(bytes32 participantId, uint8 strength) public {
        strength = 1 + strength % 2;
        Denial memory denial = _denial(strength);
        denial.participantId = participantId;
        bytes memory signature = _signed(alice, _hash(denial));
        subjects.deny(denial, signature);
        vm.assertEq(subjects.denialOf(ref, participantId), strength);
        vm.assertEq(subjects.denialOf(ref, participantId ^ bytes32(uint256(1))), 0);
    }

    function test_deny__stronger_than_absolute__is_refused() public {
        uint8[2] memory denials = [uint8(3), 255];
        for (uint256 i = 0; i < 2; ++i) {
            Denial memory denial = _denial(denials[i]);
            bytes memory signature = _signed(alice, _hash(denial));
            vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryInvalidDenial.selector, denials[i]));
            subjects.deny(denial, signature);
        }
    }

    function test_deny__as_it_is__is_refused() public {
        Denial memory denial = _denial(0);
        bytes memory signature = _signed(alice, _hash(denial));
        _expectUnchanged(ref);
        subjects.deny(denial, signature);
        _deny(ref, alice, clinic, 2);
        denial = _denial(2);
        signature = _signed(alice, _hash(denial));
        _expectUnchanged(ref);
        subjects.deny(denial, signature);
    }

    function test_deny__forged_signature__is_refused() public {
        Denial memory denial = _denial(2);
        bytes[] memory forged = _forgeries(alice, _hash(denial));
        for (uint256 i = 0; i < forged.length; ++i) {
            _expectInvalidSignature(ref, alice.account);
            subjects.deny(denial, forged[i]);
        }
    }

    function test_deny__by_guardian_source_or_council__is_refused() public {
        _appoint(ref, alice, guardian.account);
        Denial memory denial = _denial(2);
        bytes memory signature = _signed(guardian, _hash(denial));
        _expectInvalidSignature(ref, alice.account);
        subjects.deny(denial, signature);
        address[3] memory callers = [guardian.account, hospital.principal.account, address(council)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            _expectInvalidSignature(ref, alice.account);
            subjects.deny(denial, "");
        }
        vm.prank(alice.account);
        subjects.deny(denial, "");
        vm.assertEq(subjects.denialOf(ref, clinic.id), 2);
    }

    function test_deny__contract_controller__by_its_owners_signature() public {
        Actor memory wallet = Actor("Wallet", address(new Wallet(bob.account)), bob.key);
        _rotate(ref, alice, wallet);
        _deny(ref, wallet, clinic, 1);
        vm.assertEq(subjects.denialOf(ref, clinic.id), 1);
    }

    function test_deny__unclaimed__is_refused() public {
        bytes32 unclaimed = _registered("new");
        Denial memory denial = _denial(2);
        denial.subjectRef = unclaimed;
        denial.nonce = 0;
        _expectInvalidSignature(unclaimed, address(0));
        subjects.deny(denial, "");
    }

    /// What was denied holds against the next controller too, until that one lifts it.
    function test_deny__then_recovered__still_holds() public {
        _deny(ref, alice, clinic, 2);
        _recover(ref, hospital, bob);
        _skip(RECOVERY_DELAY);
        subjects.complete(ref);
        vm.assertEq(subjects.denialOf(ref, clinic.id), 2);
        _deny(ref, bob, clinic, 0);
        vm.assertEq(subjects.denialOf(ref, clinic.id), 0);
    }

    function _denial(uint8 strength) private view returns (Denial memory) {
        return Denial(ref, clinic.id, strength, _nonce(ref), _time() + 1 hours);
    }

    function _send(bytes32 which, uint64 nonce, uint64 deadline, function() internal expect) internal override {
        Denial memory denial = Denial(which, clinic.id, 2, nonce, deadline);
        bytes memory signature = _signed(alice, _hash(denial));
        expect();
        subjects.deny(denial, signature);
    }

    function _hash(Denial memory value) private pure returns (bytes32) {
        bytes32 typeHash =
            keccak256("Denial(bytes32 subjectRef,bytes32 participantId,uint8 denial,uint64 nonce,uint64 deadline)");
        return keccak256(abi.encode(typeHash, value));
    }
}
