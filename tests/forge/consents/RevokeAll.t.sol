// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {ConsentLib, ConsentSlot, ConsentStatus} from "../../../contracts/types/Consent.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {vm} from "../Vm.sol";
import {Actor, sign} from "../base/Actors.sol";
import {Consent} from "../base/Words.sol";
import {ConsentTest} from "./ConsentTest.sol";

contract RevokeAllTest is ConsentTest {
    function test_revokeAll__signed_by_the_holder__raises_the_epoch() public {
        Consent memory consent = _granted(alice, hospital);
        uint64 epoch;
        for (uint256 i = 0; i < 3; ++i) {
            vm.roll(100 + i);
            uint64 next = _nextEpoch(alice.account, epoch);
            _expectRevocationOfAll(next);
            bytes memory signature = sign(alice, _revocationOfAllDigest(alice.account, epoch));
            vm.prank(relayer.account);
            consents.revokeAll(alice.account, epoch, signature);

            _assertHeard();
            vm.assertEq(consents.epochOf(alice.account), next);
            vm.assertEq(_epochWord(alice.account), next);
            vm.assertTrue(next > epoch);
            epoch = next;
        }
        // The consent's own word stays: its epoch alone voids it.
        _assertState(consent, ConsentStatus.LIVE, ConsentSlot.UNLIMITED, NOW);
        vm.assertEq(_code(consent, hospital), Codes.CONSENT_VOID);
        vm.assertEq(consents.epochOf(bob.account), 0);
    }

    function test_revokeAll__sent_by_the_holder_without_signature__raises_the_epoch() public {
        uint64 next = _nextEpoch(alice.account, 0);
        _expectRevocationOfAll(next);
        vm.prank(alice.account);
        consents.revokeAll(alice.account, 0, "");

        _assertHeard();
        vm.assertEq(consents.epochOf(alice.account), next);
    }

    /// What was signed before, granted or on its way, is void; what is signed after is good.
    function test_revokeAll__grants_in_flight__are_void() public {
        Consent memory inFlight = _consent(alice, hospital);
        _revokeAll(alice);
        _expectWrongEpoch(alice.account, 0, consents.epochOf(alice.account));
        _grant(alice, inFlight);

        Consent memory after_ = _granted(alice, hospital);
        vm.assertEq(_code(after_, hospital), Codes.GRANTED);
    }

    /// Nobody can have a consent signed beforehand for the epoch to come: it depends on the block before, holder and epoch.
    function test_revokeAll__in_another_block__leads_to_another_epoch() public {
        uint64[3] memory found;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 start = vm.snapshotState();
            vm.roll(i == 2 ? 101 : 100);
            Actor memory holder = i == 1 ? bob : alice;
            _revokeAll(holder);
            found[i] = consents.epochOf(holder.account);
            vm.revertToState(start);
        }
        vm.assertTrue(found[0] != found[1] && found[0] != found[2] && found[1] != found[2]);
    }

    function test_revokeAll__of_one_holder__leaves_others_alone() public {
        Consent memory consent = _granted(bob, hospital);
        _revokeAll(alice);
        vm.assertEq(_code(consent, hospital), Codes.GRANTED);
    }

    /* REFUSALS */

    function testFuzz_revokeAll__of_another_epoch__is_refused(uint64 epoch) public {
        _revokeAll(alice);
        uint64 present = consents.epochOf(alice.account);
        vm.assume(epoch != present);
        bytes memory signature = sign(alice, _revocationOfAllDigest(alice.account, epoch));
        _expectWrongEpoch(alice.account, epoch, present);
        consents.revokeAll(alice.account, epoch, signature);
    }

    function test_revokeAll__badly_signed__is_refused() public {
        bytes[] memory bad = _badSignatures(alice, _revocationOfAllDigest(alice.account, 0));
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.prank(relayer.account);
            _expectInvalidSignature(alice.account, 0);
            consents.revokeAll(alice.account, 0, bad[i]);
        }
        vm.assertEq(consents.epochOf(alice.account), 0);
    }

    function test_revokeAll__signed_for_something_else__is_refused() public {
        bytes32 structHash = keccak256(abi.encode(ConsentLib.REVOCATION_OF_ALL_TYPEHASH, alice.account, uint64(0)));
        bytes32[4] memory digests = [
            _revocationOfAllDigest(alice.account, 1),
            _revocationOfAllDigest(bob.account, 0),
            _revocationDigest(alice.account, 0),
            _typed(address(gateway), "Salus ConsentRegistry", structHash)
        ];
        for (uint256 i = 0; i < digests.length; ++i) {
            bytes memory signature = sign(alice, digests[i]);
            _expectInvalidSignature(alice.account, 0);
            consents.revokeAll(alice.account, 0, signature);
        }
    }

    function test_revokeAll__sent_by_another_without_signature__is_refused() public {
        vm.prank(address(council));
        _expectInvalidSignature(alice.account, 0);
        consents.revokeAll(alice.account, 0, "");
    }

    function _expectRevocationOfAll(uint64 next) private {
        _expect(address(consents));
        emit IConsentRegistry.ConsentsRevoked(alice.account, next);
        _expectEntry(address(consents), _keyOf(alice), Entries.CONSENTS_REVOKED, 0, bytes32(uint256(next)));
        _listen();
    }

    /// @dev Mapping in slot 1.
    function _epochWord(address holder) private view returns (uint256) {
        return uint256(vm.load(address(consents), keccak256(abi.encode(holder, uint256(1)))));
    }
}
