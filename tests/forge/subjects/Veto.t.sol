// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Veto} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor} from "../base/Actors.sol";
import {Wallet} from "../base/Forgeries.sol";
import {NonceTest} from "./SubjectTest.sol";

/// @notice veto: how the controller stops a pending change.
contract VetoTest is NonceTest {
    function setUp() public override {
        super.setUp();
        _recover(ref, hospital, bob);
    }

    function test_veto__by_the_controller__ends_the_pending_change() public {
        Subject memory expected = subjects.subject(ref);
        Veto memory veto = _vetoOf(ref);
        bytes memory signature = _signed(alice, _hash(veto));
        _watch(ref);
        vm.prank(relayer.account);
        subjects.veto(veto, signature);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.RecoveryVetoed(ref, bob.account);
        _entry(ref, 25, 0, _word(bob.account));
        _assertTold(told);
        _assertChains();
        expected.nonce = 2;
        _assertSubject(ref, expected);
        _assertNothingPending(ref);
        _skip(RECOVERY_DELAY);
        _expectNothingPending(ref);
        subjects.complete(ref);
    }

    function test_veto__of_a_guardian__ends_the_pending_change() public {
        _veto(ref, alice);
        _appointLate(ref, hospital, guardian.account);
        _veto(ref, alice);
        _assertNothingPending(ref);
    }

    /// As long as nobody has completed the change.
    function test_veto__after_the_delay__still_stops_it() public {
        _skip(RECOVERY_DELAY + 30 days);
        _veto(ref, alice);
        _assertNothingPending(ref);
    }

    function test_veto__then_recovery_again__starts_a_new_delay() public {
        _veto(ref, alice);
        _skip(100);
        _recover(ref, hospital, bob);
        _assertPending(ref, bob.account, NOW + 100 + RECOVERY_DELAY, false, false);
    }

    function test_veto__nothing_pending__is_refused() public {
        _veto(ref, alice);
        Veto memory veto = _vetoOf(ref);
        bytes memory signature = _signed(alice, _hash(veto));
        _expectNothingPending(ref);
        subjects.veto(veto, signature);
    }

    function test_veto__forged_signature__is_refused() public {
        Veto memory veto = _vetoOf(ref);
        bytes[] memory forged = _forgeries(alice, _hash(veto));
        for (uint256 i = 0; i < forged.length; ++i) {
            _expectInvalidSignature(ref, alice.account);
            subjects.veto(veto, forged[i]);
        }
    }

    function test_veto__by_guardian_candidate_source_or_council__is_refused() public {
        _appoint(ref, alice, guardian.account);
        Veto memory veto = _vetoOf(ref);
        Actor[2] memory signers = [guardian, bob];
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory signature = _signed(signers[i], _hash(veto));
            _expectInvalidSignature(ref, alice.account);
            subjects.veto(veto, signature);
        }
        address[2] memory callers = [hospital.principal.account, address(council)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(callers[i]);
            _expectInvalidSignature(ref, alice.account);
            subjects.veto(veto, "");
        }
    }

    function test_veto__sent_by_the_controller__needs_no_signature() public {
        Veto memory veto = _vetoOf(ref);
        vm.prank(alice.account);
        subjects.veto(veto, "");
        _assertNothingPending(ref);
    }

    function test_veto__contract_controller__by_its_owners_signature() public {
        Actor memory wallet = Actor("Wallet", address(new Wallet(carol.account)), carol.key);
        _rotate(ref, alice, wallet);
        _recover(ref, hospital, bob);
        _veto(ref, wallet);
        _assertNothingPending(ref);
    }

    function test_veto__unclaimed__has_nothing_pending() public {
        bytes32 unclaimed = _registered("new");
        Veto memory veto = _vetoOf(unclaimed);
        _expectNothingPending(unclaimed);
        subjects.veto(veto, "");
    }

    function _vetoOf(bytes32 which) private view returns (Veto memory) {
        return Veto(which, _nonce(which), _time() + 1 hours);
    }

    function _send(bytes32 which, uint64 nonce, uint64 deadline, function() internal expect) internal override {
        Veto memory veto = Veto(which, nonce, deadline);
        bytes memory signature = _signed(alice, _hash(veto));
        expect();
        subjects.veto(veto, signature);
    }

    function _hash(Veto memory value) private pure returns (bytes32) {
        bytes32 typeHash = keccak256("Veto(bytes32 subjectRef,uint64 nonce,uint64 deadline)");
        return keccak256(abi.encode(typeHash, value));
    }
}
