// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {ConsentSlot, ConsentStatus} from "../../../contracts/types/Consent.sol";
import {vm} from "../Vm.sol";
import {Consent} from "../base/Words.sol";
import {ConsentTest} from "./ConsentTest.sol";

contract ConsumeTest is ConsentTest {
    function test_consume__allowed_by_all_else__spends_one_use() public {
        Consent memory consent = _limited(2);
        _consume(consent, true, 2, 1);
        _consume(consent, true, 1, 0);
    }

    function test_consume__no_use_left__spends_nothing() public {
        Consent memory consent = _limited(1);
        _consume(consent, true, 1, 0);
        _consume(consent, true, 0, 0);
        _consume(consent, true, 0, 0);
    }

    /// With something else against the request, the answer is the same but nothing is spent.
    function testFuzz_consume__not_allowed__spends_nothing(uint32 uses) public {
        Consent memory consent = _limited(uses);
        uint32 left = uses == 0 ? ConsentSlot.UNLIMITED : uses;
        _consume(consent, false, left, left);
    }

    /// A consent without limit has none after any number of accesses; one below all ones is a limit.
    function test_consume__without_limit__spends_nothing() public {
        Consent memory consent = _limited(0);
        _consume(consent, true, ConsentSlot.UNLIMITED, ConsentSlot.UNLIMITED);
        consent = _limited(ConsentSlot.UNLIMITED - 1);
        _consume(consent, true, ConsentSlot.UNLIMITED - 1, ConsentSlot.UNLIMITED - 2);
    }

    function test_consume__of_a_revoked_consent__spends_nothing() public {
        Consent memory consent = _limited(3);
        _revoke(alice, _idOf(consent));
        _consume(consent, true, 3, 3);
    }

    function test_consume__of_a_replaced_consent__spends_nothing() public {
        Consent memory consent = _limited(3);
        Consent memory successor = _consent(alice, hospital);
        successor.head.replaces = _idOf(consent);
        _replace(alice, successor);
        _consume(consent, true, 3, 3);
    }

    function test_consume__of_a_void_consent__spends_nothing_and_tells_the_epoch() public {
        Consent memory consent = _limited(3);
        _revokeAll(alice);
        _consume(consent, true, 3, 3);
        vm.prank(address(gateway));
        (, uint64 epoch) = consents.consume(alice.account, _idOf(consent), true);
        vm.assertTrue(epoch > 0 && epoch == consents.epochOf(alice.account));
    }

    function test_consume__of_an_unknown_consent__is_zero_and_stays_zero() public {
        vm.prank(address(gateway));
        (uint256 word, uint64 epoch) = consents.consume(alice.account, "unknown", true);

        vm.assertEq(word, 0);
        vm.assertEq(epoch, 0);
        vm.assertEq(_wordOf(alice.account, "unknown"), 0);
    }

    /// Another holder with the same id has nothing to spend.
    function test_consume__in_the_name_of_another_holder__spends_nothing() public {
        Consent memory consent = _limited(3);
        vm.prank(address(gateway));
        (uint256 word,) = consents.consume(bob.account, _idOf(consent), true);

        vm.assertEq(word, 0);
        _assertState(consent, ConsentStatus.LIVE, 3, NOW);
    }

    function testFuzz_consume__by_anybody_else__is_refused(address caller) public {
        vm.assume(caller != address(gateway));
        Consent memory consent = _limited(3);
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentRegistryNotGateway.selector, caller));
        consents.consume(alice.account, _idOf(consent), true);
    }

    function test_consume__by_the_holder_or_the_council__is_refused() public {
        bytes32 consentId = _idOf(_limited(3));
        address[2] memory callers = [alice.account, address(council)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentRegistryNotGateway.selector, callers[i]));
            consents.consume(alice.account, consentId, true);
        }
    }

    /* INTERNAL */

    function _limited(uint32 uses) private returns (Consent memory consent) {
        consent = _consent(alice, hospital);
        consent.head.maxUses = uses;
        _grant(alice, consent);
    }

    /// @dev The gateway asks; the answer is the word before, only uses left change, and nothing is emitted.
    function _consume(Consent memory consent, bool otherwiseAllowed, uint32 before, uint32 after_) private {
        uint256 word = _wordOf(alice.account, _idOf(consent));
        vm.recordLogs();
        vm.prank(address(gateway));
        (uint256 answer, uint64 epoch) = consents.consume(alice.account, _idOf(consent), otherwiseAllowed);

        vm.assertEq(vm.getRecordedLogs().length, 0);
        vm.assertEq(answer, word);
        vm.assertEq(epoch, consents.epochOf(alice.account));
        vm.assertEq(ConsentSlot.usesLeft(word), before);
        _assertState(consent, ConsentSlot.status(word), after_, NOW);
    }
}
