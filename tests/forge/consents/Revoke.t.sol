// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {ConsentLib, ConsentSlot, ConsentStatus} from "../../../contracts/types/Consent.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {vm} from "../Vm.sol";
import {Actor, sign} from "../base/Actors.sol";
import {Consent} from "../base/Words.sol";
import {ConsentTest} from "./ConsentTest.sol";
import {Wallet} from "./Wallet.sol";

contract RevokeTest is ConsentTest {
    function test_revoke__signed_by_the_holder__ends_the_consent() public {
        Consent memory consent = _consent(alice, hospital);
        consent.head.maxUses = 3;
        _grant(alice, consent);
        _skip(1);
        _expectRevocation(alice.account, _idOf(consent));
        _revoke(alice, _idOf(consent));

        _assertHeard();
        _assertState(consent, ConsentStatus.REVOKED, 3, NOW);
    }

    function test_revoke__sent_by_the_holder_without_signature__ends_the_consent() public {
        Consent memory consent = _granted(alice, hospital);
        _expectRevocation(alice.account, _idOf(consent));
        vm.prank(alice.account);
        consents.revoke(alice.account, _idOf(consent), "");

        _assertHeard();
        _assertState(consent, ConsentStatus.REVOKED, ConsentSlot.UNLIMITED, NOW);
    }

    function test_revoke__signed_by_a_wallets_owner__ends_the_consent() public {
        Actor memory wallet = Actor("Wallet", address(new Wallet(bob.account)), bob.key);
        bytes memory signature = sign(bob, _revocationDigest(wallet.account, "id"));
        _expectRevocation(wallet.account, "id");
        consents.revoke(wallet.account, "id", signature);

        _assertHeard();
    }

    /// An id nobody has seen is revoked for good, and leaves nothing but its status.
    function testFuzz_revoke__of_an_unseen_id__is_kept(bytes32 consentId) public {
        _expectRevocation(alice.account, consentId);
        _revoke(alice, consentId);

        _assertHeard();
        vm.assertEq(_wordOf(alice.account, consentId), ConsentStatus.REVOKED);
        vm.assertEq(_wordOf(bob.account, consentId), 0);
    }

    /// A consent that revokeAll voided can still be revoked one by one.
    function test_revoke__of_a_void_consent__ends_it() public {
        Consent memory consent = _granted(alice, hospital);
        _revokeAll(alice);
        _revoke(alice, _idOf(consent));

        _assertState(consent, ConsentStatus.REVOKED, ConsentSlot.UNLIMITED, NOW);
    }

    /* REFUSALS */

    function test_revoke__twice__is_refused() public {
        bytes32 consentId = _idOf(_granted(alice, hospital));
        _revoke(alice, consentId);
        _expectNotLive(alice.account, consentId, ConsentStatus.REVOKED);
        _revoke(alice, consentId);
    }

    function test_revoke__of_an_unseen_id_twice__is_refused() public {
        _revoke(alice, "unseen");
        _expectNotLive(alice.account, "unseen", ConsentStatus.REVOKED);
        _revoke(alice, "unseen");
    }

    function test_revoke__of_a_replaced_consent__is_refused() public {
        Consent memory old = _granted(alice, hospital);
        Consent memory successor = _consent(alice, hospital);
        successor.head.replaces = _idOf(old);
        _replace(alice, successor);
        _expectNotLive(alice.account, _idOf(old), ConsentStatus.REPLACED);
        _revoke(alice, _idOf(old));
    }

    /* SIGNATURES */

    function test_revoke__badly_signed__is_refused() public {
        Consent memory consent = _granted(alice, hospital);
        bytes32 consentId = _idOf(consent);
        bytes[] memory bad = _badSignatures(alice, _revocationDigest(alice.account, consentId));
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.prank(relayer.account);
            _expectInvalidSignature(alice.account, consentId);
            consents.revoke(alice.account, consentId, bad[i]);
        }
        _assertState(consent, ConsentStatus.LIVE, ConsentSlot.UNLIMITED, NOW);
    }

    /// The holder's signature of another revocation, or of the consent itself, does not revoke.
    function test_revoke__signed_for_something_else__is_refused() public {
        Consent memory consent = _granted(alice, hospital);
        bytes32 consentId = _idOf(consent);
        bytes32 structHash = keccak256(abi.encode(ConsentLib.REVOCATION_TYPEHASH, alice.account, consentId));
        bytes32[5] memory digests = [
            _revocationDigest(alice.account, "another"),
            _revocationDigest(bob.account, consentId),
            _revocationOfAllDigest(alice.account, 0),
            consentId,
            _typed(address(gateway), "Salus ConsentRegistry", structHash)
        ];
        for (uint256 i = 0; i < digests.length; ++i) {
            bytes memory signature = sign(alice, digests[i]);
            _expectInvalidSignature(alice.account, consentId);
            consents.revoke(alice.account, consentId, signature);
        }
    }

    /// Nobody revokes in the name of another, not even for an id of its own.
    function test_revoke__sent_by_another_without_signature__is_refused() public {
        bytes32 consentId = _idOf(_granted(alice, hospital));
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(alice.account, consentId);
        consents.revoke(alice.account, consentId, "");
        vm.prank(address(0));
        _expectInvalidSignature(address(0), consentId);
        consents.revoke(address(0), consentId, "");
    }

    function _expectRevocation(address holder, bytes32 consentId) private {
        _expect(address(consents));
        emit IConsentRegistry.ConsentRevoked(holder, consentId);
        _expectEntry(address(consents), bytes32(uint256(uint160(holder))), Entries.CONSENT_REVOKED, 0, consentId);
        _listen();
    }
}
