// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {ConsentSlot, ConsentStatus} from "../../../contracts/types/Consent.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {vm} from "../Vm.sol";
import {Actor, sign} from "../base/Actors.sol";
import {Consent} from "../base/Words.sol";
import {ConsentTest} from "./ConsentTest.sol";
import {Wallet} from "./Wallet.sol";

contract GrantTest is ConsentTest {
    /* WHAT IT DOES */

    function test_grant__signed_by_the_holder__is_live_and_logged() public {
        Consent memory consent = _consent(alice, hospital);
        _expectGrant(consent);
        bytes32 consentId = _grant(alice, consent);

        _assertHeard();
        vm.assertEq(consentId, _idOf(consent));
        _assertState(consent, ConsentStatus.LIVE, ConsentSlot.UNLIMITED, NOW);
        vm.assertEq(consents.epochOf(alice.account), 0);
    }

    function test_grant__sent_by_the_holder_without_signature__is_live_and_logged() public {
        Consent memory consent = _consent(alice, hospital);
        _expectGrant(consent);
        vm.prank(alice.account);
        consents.grant(consent.head, _scopeHash(consent), "");

        _assertHeard();
        _assertState(consent, ConsentStatus.LIVE, ConsentSlot.UNLIMITED, NOW);
    }

    /// A holder may be a contract that answers by ERC-1271.
    function test_grant__signed_by_a_wallets_owner__is_live_and_logged() public {
        Consent memory consent = _consentOfWallet();
        bytes memory signature = sign(alice, _idOf(consent));
        _expectGrant(consent);
        consents.grant(consent.head, _scopeHash(consent), signature);

        _assertHeard();
        _assertState(consent, ConsentStatus.LIVE, ConsentSlot.UNLIMITED, NOW);
    }

    /// The uses left are those signed for; 0 is without limit.
    function testFuzz_grant__max_uses__are_left(uint32 maxUses) public {
        Consent memory consent = _consent(alice, hospital);
        consent.head.maxUses = maxUses;
        _expectGrant(consent);
        _grant(alice, consent);

        _assertHeard();
        _assertState(consent, ConsentStatus.LIVE, maxUses == 0 ? type(uint32).max : maxUses, NOW);
    }

    /// Two consents of one holder, and equal ones of two holders, are told apart.
    function test_grant__of_others__are_apart() public {
        Consent memory first = _granted(alice, hospital);
        _skip(1);
        Consent memory second = _granted(alice, clinic);
        Consent memory third = first;
        third.head.holder = bob.account;
        _grant(bob, third);

        vm.assertEq(ConsentSlot.grantedAt(_wordOf(alice.account, _idOf(second))), NOW + 1);
        vm.assertEq(ConsentSlot.grantedAt(_wordOf(bob.account, _idOf(third))), NOW + 1);
        vm.assertEq(_wordOf(alice.account, _idOf(third)), 0);
    }

    function test_grant__in_a_later_epoch__keeps_the_epoch() public {
        _revokeAll(alice);
        _revokeAll(alice);
        Consent memory consent = _consent(alice, hospital);
        vm.assertTrue(consent.head.epoch > 1);
        _expectGrant(consent);
        _grant(alice, consent);

        _assertHeard();
        _assertState(consent, ConsentStatus.LIVE, ConsentSlot.UNLIMITED, NOW);
    }

    /* TIME */

    function test_grant__last_second_of_its_deadline__is_granted_and_then_refused() public {
        Consent memory consent = _consent(alice, hospital);
        vm.warp(consent.head.deadline);
        uint256 lastSecond = vm.snapshotState();
        _grant(alice, consent);
        _assertState(consent, ConsentStatus.LIVE, ConsentSlot.UNLIMITED, consent.head.deadline);

        vm.revertToState(lastSecond);
        _skip(1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IConsentRegistry.ConsentRegistryDeadlinePassed.selector, consent.head.deadline, _time()
            )
        );
        _grant(alice, consent);
    }

    function test_grant__deadline_seven_days_ahead__is_granted_and_a_second_more_refused() public {
        Consent memory consent = _consent(alice, hospital);
        consent.head.deadline = NOW + 7 days;
        _grant(alice, consent);
        _assertState(consent, ConsentStatus.LIVE, ConsentSlot.UNLIMITED, NOW);

        consent.head.deadline = NOW + 7 days + 1;
        vm.expectRevert(
            abi.encodeWithSelector(
                IConsentRegistry.ConsentRegistryDeadlineTooFar.selector, consent.head.deadline, NOW + 7 days
            )
        );
        _grant(alice, consent);
    }

    /// Nobody can sign for ever: the greatest deadline is too far, not before it all.
    function test_grant__deadline_of_all_ones__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        consent.head.deadline = type(uint64).max;
        vm.expectRevert(
            abi.encodeWithSelector(
                IConsentRegistry.ConsentRegistryDeadlineTooFar.selector, consent.head.deadline, NOW + 7 days
            )
        );
        _grant(alice, consent);
    }

    /* REFUSALS */

    function testFuzz_grant__another_epoch__is_refused(uint64 epoch) public {
        _revokeAll(alice);
        Consent memory consent = _consent(alice, hospital);
        uint64 present = consent.head.epoch;
        vm.assume(epoch != present);
        consent.head.epoch = epoch;
        _expectWrongEpoch(alice.account, epoch, present);
        _grant(alice, consent);
    }

    function testFuzz_grant__that_replaces_one__is_refused(bytes32 replaces) public {
        vm.assume(replaces != 0);
        Consent memory consent = _consent(alice, hospital);
        consent.head.replaces = replaces;
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentRegistryUnexpectedReplaces.selector, replaces));
        _grant(alice, consent);
    }

    function test_grant__a_second_time__is_refused() public {
        Consent memory consent = _granted(alice, hospital);
        _expectKnown(consent, ConsentStatus.LIVE);
        _grant(alice, consent);
    }

    function test_grant__used_up__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        consent.head.maxUses = 1;
        _grant(alice, consent);
        _code(consent, hospital);
        _expectKnown(consent, ConsentStatus.LIVE);
        _grant(alice, consent);
    }

    function test_grant__revoked_before_it_was_seen__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        _revoke(alice, _idOf(consent));
        _expectKnown(consent, ConsentStatus.REVOKED);
        _grant(alice, consent);
    }

    function test_grant__replaced__is_refused() public {
        Consent memory consent = _granted(alice, hospital);
        Consent memory successor = _consent(alice, hospital);
        successor.head.replaces = _idOf(consent);
        _replace(alice, successor);
        _expectKnown(consent, ConsentStatus.REPLACED);
        _grant(alice, consent);
    }

    /* SIGNATURES */

    function test_grant__badly_signed__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        bytes[] memory bad = _badSignatures(alice, _idOf(consent));
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.prank(relayer.account);
            _expectInvalidSignature(alice.account, _idOf(consent));
            consents.grant(consent.head, _scopeHash(consent), bad[i]);
        }
        vm.assertEq(_wordOf(alice.account, _idOf(consent)), 0);
    }

    /// A signature of another contract's domain, of the bare struct, or of another scope is none.
    function test_grant__signed_for_something_else__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        bytes32[3] memory digests = [
            _typed(address(gateway), "Salus ConsentRegistry", _structHash(consent)),
            _typed(address(consents), "Salus AccessGateway", _structHash(consent)),
            _structHash(consent)
        ];
        for (uint256 i = 0; i < digests.length; ++i) {
            bytes memory signature = sign(alice, digests[i]);
            _expectInvalidSignature(alice.account, _idOf(consent));
            consents.grant(consent.head, _scopeHash(consent), signature);
        }
    }

    function test_grant__wallets_owner_signed_badly__is_refused() public {
        Consent memory consent = _consentOfWallet();
        bytes[] memory bad = _badSignatures(alice, _idOf(consent));
        for (uint256 i = 0; i < bad.length; ++i) {
            _expectInvalidSignature(consent.head.holder, _idOf(consent));
            consents.grant(consent.head, _scopeHash(consent), bad[i]);
        }
    }

    function test_grant__by_nobody__is_refused() public {
        Actor memory nobody;
        Consent memory consent = _consent(nobody, hospital);
        bytes[2] memory signatures = [bytes(""), new bytes(65)];
        for (uint256 i = 0; i < signatures.length; ++i) {
            vm.prank(address(0));
            _expectInvalidSignature(address(0), _idOf(consent));
            consents.grant(consent.head, _scopeHash(consent), signatures[i]);
        }
    }

    function _expectGrant(Consent memory consent) private {
        address holder = consent.head.holder;
        _expect(address(consents));
        emit IConsentRegistry.ConsentGranted(holder, _idOf(consent), consent.head.epoch, consent.head.maxUses);
        _expectEntry(address(consents), bytes32(uint256(uint160(holder))), Entries.CONSENT_GRANTED, 0, _idOf(consent));
        _listen();
    }

    /// @dev Consent of a wallet contract that Alice owns.
    function _consentOfWallet() private returns (Consent memory consent) {
        Actor memory wallet = Actor("Wallet", address(new Wallet(alice.account)), alice.key);
        consent = _consent(wallet, hospital);
    }
}
