// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {ConsentSlot, ConsentStatus} from "../../../contracts/types/Consent.sol";
import {vm} from "../Vm.sol";
import {Actor, sign} from "../base/Actors.sol";
import {Base} from "../base/Base.sol";
import {Consent, Words} from "../base/Words.sol";
import {Bomb, Burner, Reentrant} from "./Wallets.sol";

/// @notice Consents: granted once, taken back for good, by nobody but the holder.
contract ConsentAttacks is Base {
    using ConsentSlot for uint256;

    /* REVOKED FOR GOOD */

    function test_grant__withheld_until_after_revokeAll__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        bytes memory signature = sign(alice, _idOf(consent));
        _revokeAll(alice);

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryWrongEpoch.selector);
        consents.grant(consent.head, _scopeHash(consent), signature);
    }

    function test_grant__of_an_id_revoked_unseen__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        bytes memory signature = sign(alice, _idOf(consent));
        _revoke(alice, _idOf(consent));

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryKnown.selector);
        consents.grant(consent.head, _scopeHash(consent), signature);
        vm.assertEq(_code(consent, hospital), Codes.CONSENT_REVOKED);
    }

    /// However a consent ended, the same signature brings it back no more.
    function testFuzz_grant__of_an_id_that_was_granted__is_refused(uint8 end) public {
        Consent memory consent = _consent(alice, hospital);
        consent.head.maxUses = 1;
        bytes memory signature = sign(alice, _idOf(consent));
        _grant(alice, consent);
        if (end % 4 == 1) _revoke(alice, _idOf(consent));
        if (end % 4 == 2) _code(consent, hospital);
        if (end % 4 == 3) {
            Consent memory successor = _consent(alice, hospital);
            successor.head.replaces = _idOf(consent);
            _replace(alice, successor);
        }

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryKnown.selector);
        consents.grant(consent.head, _scopeHash(consent), signature);
    }

    function test_revokeAll__sent_twice__is_refused() public {
        bytes memory signature = sign(alice, _revocationOfAllDigest(alice.account, 0));
        consents.revokeAll(alice.account, 0, signature);

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryWrongEpoch.selector);
        consents.revokeAll(alice.account, 0, signature);
    }

    function test_replace__of_a_revoked_consent__is_refused() public {
        Consent memory old = _granted(alice, hospital);
        Consent memory successor = _consent(alice, hospital);
        successor.head.replaces = _idOf(old);
        bytes memory signature = sign(alice, _idOf(successor));
        _revoke(alice, _idOf(old));

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryNotLive.selector);
        consents.replace(successor.head, _scopeHash(successor), signature);
    }

    /// A replacement must not be granted beside the consent it was to end.
    function test_grant__of_a_replacement__is_refused() public {
        Consent memory successor = _consent(alice, hospital);
        successor.head.replaces = _idOf(_granted(alice, hospital));
        bytes memory signature = sign(alice, _idOf(successor));

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryUnexpectedReplaces.selector);
        consents.grant(successor.head, _scopeHash(successor), signature);
    }

    /* OTHER PEOPLE'S */

    /// Who sees a grant in flight can only carry it out.
    function test_grant__front_run__is_the_holders_grant() public {
        Consent memory consent = _consent(alice, hospital);
        bytes memory signature = sign(alice, _idOf(consent));
        vm.prank(stranger.account);
        consents.grant(consent.head, _scopeHash(consent), signature);

        vm.assertEq(_code(consent, hospital), Codes.GRANTED);
    }

    /// Slots are kept by holder and id: revoking another's id in one's own name blocks nothing.
    function test_revoke__of_anothers_id_in_own_name__blocks_nothing() public {
        Consent memory consent = _consent(alice, hospital);
        bytes32 id = _idOf(consent);
        vm.prank(stranger.account);
        consents.revoke(stranger.account, id, "");
        _grant(alice, consent);

        vm.assertEq(_code(consent, hospital), Codes.GRANTED);
    }

    function test_revoke__by_a_stranger__is_refused() public {
        bytes32 id = _idOf(_granted(alice, hospital));
        bytes memory signature = sign(stranger, _revocationDigest(alice.account, id));

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryInvalidSignature.selector);
        consents.revoke(alice.account, id, signature);
        vm.prank(stranger.account);
        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryInvalidSignature.selector);
        consents.revoke(alice.account, id, "");
    }

    /// A head with another holder is another consent, which that holder has not signed.
    function test_grant__with_the_holder_exchanged__is_refused() public {
        Consent memory consent = _consent(alice, hospital);
        bytes memory signature = sign(alice, _idOf(consent));
        consent.head.holder = bob.account;

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryInvalidSignature.selector);
        consents.grant(consent.head, _scopeHash(consent), signature);
    }

    function testFuzz_consume__by_anybody_but_the_gateway__is_refused(address caller) public {
        vm.assume(caller != address(gateway));
        Consent memory consent = _granted(alice, hospital);
        bytes32 id = _idOf(consent);

        vm.prank(caller);
        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryNotGateway.selector);
        consents.consume(alice.account, id, true);
    }

    /* USES */

    /// Uses left only fall, by one for each granted access, and nothing follows the last one.
    function testFuzz_request__limited_uses__never_grow(uint8 uses, uint8 more) public {
        uint32 limit = uint32(uses % 5) + 1;
        Consent memory consent = _consent(alice, hospital);
        consent.head.maxUses = limit;
        bytes32 id = _grant(alice, consent);

        for (uint32 i = 0; i < limit + more % 4; ++i) {
            uint32 left = consents.slotOf(alice.account, id).usesLeft();
            uint16 code = _code(consent, hospital);
            vm.assertEq(code, i < limit ? Codes.GRANTED : Codes.CONSENT_USED_UP);
            vm.assertEq(uint256(consents.slotOf(alice.account, id).usesLeft()), i < limit ? left - 1 : 0);
        }
    }

    function test_request__denied__spends_nothing() public {
        Consent memory consent = _consent(alice, hospital);
        consent.head.maxUses = 1;
        bytes32 id = _grant(alice, consent);
        vm.prank(institute.principal.account);
        gateway.request(Words.pack(consent), Words.pack(_access(institute, id)));

        vm.assertEq(uint256(consents.slotOf(alice.account, id).usesLeft()), 1);
    }

    /* WALLETS THAT ARE CONTRACTS */

    /// The wallet is asked in a static call: it can't grant, revoke or replace while it is asked.
    function test_grant__wallet_enters_again__is_refused() public {
        Reentrant wallet = new Reentrant(consents);
        Actor memory holder = Actor("Wallet", address(wallet), 1);
        Consent memory inner = _consent(holder, hospital);
        wallet.arm(inner.head, _scopeHash(inner));
        Consent memory outer = _consent(holder, hospital);

        vm.expectPartialRevert(IConsentRegistry.ConsentRegistryInvalidSignature.selector);
        consents.grant(outer.head, _scopeHash(outer), "any");
        vm.assertEq(consents.slotOf(address(wallet), _idOf(inner)), 0);
    }

    /// A wallet that burns gas or answers with a megabyte costs its own relayer, who can bound it, and grants nothing.
    function test_grant__wallet_burns_or_bombs__costs_only_the_relayers_gas() public {
        _expectFailure(address(new Burner()));
        _expectFailure(address(new Bomb()));
    }

    function _expectFailure(address wallet) private {
        Consent memory consent = _consent(Actor("Wallet", wallet, 1), hospital);
        bytes32 scopeHash = _scopeHash(consent);
        (bool success,) = address(consents).call{gas: 300_000}(
            abi.encodeCall(IConsentRegistry.grant, (consent.head, scopeHash, bytes("any")))
        );

        vm.assertFalse(success);
        vm.assertEq(consents.slotOf(wallet, _idOf(consent)).status(), ConsentStatus.UNKNOWN);
    }
}
