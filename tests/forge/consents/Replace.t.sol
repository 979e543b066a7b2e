// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {ConsentSlot, ConsentStatus} from "../../../contracts/types/Consent.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {vm} from "../Vm.sol";
import {Consent} from "../base/Words.sol";
import {ConsentTest} from "./ConsentTest.sol";

contract ReplaceTest is ConsentTest {
    Consent private _old;

    function setUp() public override {
        super.setUp();
        Consent memory old = _consent(alice, hospital);
        old.head.maxUses = 5;
        _grant(alice, old);
        _old = old;
        _skip(1 hours);
    }

    function test_replace__of_a_live_consent__ends_it_and_grants_the_other() public {
        Consent memory successor = _successor();
        successor.head.maxUses = 2;
        _expectReplacement(successor);
        bytes32 consentId = _replace(alice, successor);

        _assertHeard();
        vm.assertEq(consentId, _idOf(successor));
        _assertState(_old, ConsentStatus.REPLACED, 5, NOW);
        _assertState(successor, ConsentStatus.LIVE, 2, NOW + 1 hours);
    }

    function test_replace__sent_by_the_holder_without_signature__ends_it_and_grants_the_other() public {
        Consent memory successor = _successor();
        _expectReplacement(successor);
        vm.prank(alice.account);
        consents.replace(successor.head, _scopeHash(successor), "");

        _assertHeard();
        _assertState(_old, ConsentStatus.REPLACED, 5, NOW);
        _assertState(successor, ConsentStatus.LIVE, ConsentSlot.UNLIMITED, NOW + 1 hours);
    }

    /// Uses spent of the old one stay spent; the new one has its own.
    function test_replace__of_a_used_consent__keeps_what_was_left() public {
        _code(_old, hospital);
        Consent memory successor = _successor();
        _replace(alice, successor);

        _assertState(_old, ConsentStatus.REPLACED, 4, NOW);
    }

    /// After revokeAll an older consent can still give place, in the new epoch.
    function test_replace__of_a_void_consent__is_granted() public {
        _revokeAll(alice);
        Consent memory successor = _successor();
        _replace(alice, successor);

        _assertState(_old, ConsentStatus.REPLACED, 5, NOW);
        _assertState(successor, ConsentStatus.LIVE, ConsentSlot.UNLIMITED, NOW + 1 hours);
    }

    /* REFUSALS */

    function test_replace__of_an_unknown_consent__is_refused() public {
        Consent memory successor = _successor();
        successor.head.replaces = "unknown";
        _expectNotLive(alice.account, "unknown", ConsentStatus.UNKNOWN);
        _replace(alice, successor);
    }

    function test_replace__of_nothing__is_refused() public {
        Consent memory successor = _successor();
        successor.head.replaces = 0;
        _expectNotLive(alice.account, 0, ConsentStatus.UNKNOWN);
        _replace(alice, successor);
    }

    function test_replace__of_a_revoked_consent__is_refused() public {
        _revoke(alice, _idOf(_old));
        Consent memory successor = _successor();
        _expectNotLive(alice.account, _idOf(_old), ConsentStatus.REVOKED);
        _replace(alice, successor);
    }

    function test_replace__of_a_replaced_consent__is_refused() public {
        _replace(alice, _successor());
        Consent memory successor = _successor();
        _expectNotLive(alice.account, _idOf(_old), ConsentStatus.REPLACED);
        _replace(alice, successor);
    }

    /// Bob has no such consent, whatever Alice has.
    function test_replace__of_anothers_consent__is_refused() public {
        Consent memory successor = _consent(bob, hospital);
        successor.head.replaces = _idOf(_old);
        _expectNotLive(bob.account, _idOf(_old), ConsentStatus.UNKNOWN);
        _replace(bob, successor);
    }

    function test_replace__badly_signed__changes_nothing() public {
        Consent memory successor = _successor();
        bytes[] memory bad = _badSignatures(alice, _idOf(successor));
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.prank(relayer.account);
            _expectInvalidSignature(alice.account, _idOf(successor));
            consents.replace(successor.head, _scopeHash(successor), bad[i]);
        }
        _assertState(_old, ConsentStatus.LIVE, 5, NOW);
    }

    function test_replace__by_a_known_consent__changes_nothing() public {
        Consent memory successor = _successor();
        _revoke(alice, _idOf(successor));
        _expectKnown(successor, ConsentStatus.REVOKED);
        _replace(alice, successor);
        _assertState(_old, ConsentStatus.LIVE, 5, NOW);
    }

    function test_replace__after_its_deadline__changes_nothing() public {
        Consent memory successor = _successor();
        vm.warp(successor.head.deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IConsentRegistry.ConsentRegistryDeadlinePassed.selector, successor.head.deadline, _time()
            )
        );
        _replace(alice, successor);
        _assertState(_old, ConsentStatus.LIVE, 5, NOW);
    }

    function test_replace__signed_before_revokeAll__changes_nothing() public {
        Consent memory successor = _successor();
        _revokeAll(alice);
        _expectWrongEpoch(alice.account, 0, consents.epochOf(alice.account));
        _replace(alice, successor);
        _assertState(_old, ConsentStatus.LIVE, 5, NOW);
    }

    function _successor() private returns (Consent memory successor) {
        successor = _consent(alice, hospital);
        successor.head.replaces = _idOf(_old);
    }

    function _expectReplacement(Consent memory successor) private {
        (bytes32 consentId, bytes32 replaced, bytes32 key) = (_idOf(successor), _idOf(_old), _keyOf(alice));
        _expect(address(consents));
        emit IConsentRegistry.ConsentGranted(alice.account, consentId, 0, successor.head.maxUses);
        _expect(address(consents));
        emit IConsentRegistry.ConsentReplaced(alice.account, replaced, consentId);
        _expectEntry(address(consents), key, Entries.CONSENT_REPLACED, 0, replaced);
        _expectEntry(address(consents), key, Entries.CONSENT_GRANTED, 0, consentId);
        _listen();
    }
}
