// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Retention} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor} from "../base/Actors.sol";
import {Wallet} from "../base/Forgeries.sol";
import {NonceTest} from "./SubjectTest.sol";

contract RetainTest is NonceTest {
    function test_retain__one_to_five_years__is_set() public {
        Subject memory expected = subjects.subject(ref);
        vm.assertEq(subjects.retentionYearsOf(ref), 5);
        for (uint8 chosen = 1; chosen <= 5; ++chosen) {
            Retention memory retention = _retention(chosen);
            bytes memory signature = _signed(alice, _hash(retention));
            _watch(ref);
            vm.prank(relayer.account);
            subjects.retain(retention, signature);
            Vm.Log[] memory told = _told();

            emit ISubjectRegistry.RetentionSet(ref, chosen);
            _entry(ref, 31, chosen, 0);
            _assertTold(told);
            _assertChains();
            expected.retentionYears = chosen;
            ++expected.nonce;
            _assertSubject(ref, expected);
            vm.assertEq(subjects.retentionYearsOf(ref), chosen);
        }
    }

    function test_retain__none_or_more_than_five__is_refused() public {
        uint8[3] memory chosen = [uint8(0), 6, 255];
        for (uint256 i = 0; i < chosen.length; ++i) {
            Retention memory retention = _retention(chosen[i]);
            bytes memory signature = _signed(alice, _hash(retention));
            vm.expectRevert(
                abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryInvalidRetention.selector, chosen[i])
            );
            subjects.retain(retention, signature);
        }
    }

    function test_retain__as_it_is__is_refused() public {
        _retain(ref, alice, 3);
        Retention memory retention = _retention(3);
        bytes memory signature = _signed(alice, _hash(retention));
        _expectUnchanged(ref);
        subjects.retain(retention, signature);
    }

    function test_retain__forged_signature__is_refused() public {
        Retention memory retention = _retention(3);
        bytes[] memory forged = _forgeries(alice, _hash(retention));
        for (uint256 i = 0; i < forged.length; ++i) {
            _expectInvalidSignature(ref, alice.account);
            subjects.retain(retention, forged[i]);
        }
    }

    function test_retain__by_guardian_source_or_council__is_refused() public {
        _appoint(ref, alice, guardian.account);
        Retention memory retention = _retention(3);
        address[3] memory callers = [guardian.account, hospital.principal.account, address(council)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            _expectInvalidSignature(ref, alice.account);
            subjects.retain(retention, "");
        }
        vm.prank(alice.account);
        subjects.retain(retention, "");
        vm.assertEq(subjects.retentionYearsOf(ref), 3);
    }

    function test_retain__contract_controller__by_its_owners_signature() public {
        Actor memory wallet = Actor("Wallet", address(new Wallet(bob.account)), bob.key);
        _rotate(ref, alice, wallet);
        _retain(ref, wallet, 1);
        vm.assertEq(subjects.retentionYearsOf(ref), 1);
    }

    function test_retain__unclaimed__is_refused() public {
        bytes32 unclaimed = _registered("new");
        Retention memory retention = Retention(unclaimed, 3, 0, _time() + 1 hours);
        _expectInvalidSignature(unclaimed, address(0));
        subjects.retain(retention, "");
    }

    function _retention(uint8 chosen) private view returns (Retention memory) {
        return Retention(ref, chosen, _nonce(ref), _time() + 1 hours);
    }

    function _send(bytes32 which, uint64 nonce, uint64 deadline, function() internal expect) internal override {
        Retention memory retention = Retention(which, 4, nonce, deadline);
        bytes memory signature = _signed(alice, _hash(retention));
        expect();
        subjects.retain(retention, signature);
    }

    function _hash(Retention memory value) private pure returns (bytes32) {
        bytes32 typeHash = keccak256("Retention(bytes32 subjectRef,uint8 retentionYears,uint64 nonce,uint64 deadline)");
        return keccak256(abi.encode(typeHash, value));
    }
}
