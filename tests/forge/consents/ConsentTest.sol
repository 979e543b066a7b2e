// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {ConsentSlot} from "../../../contracts/types/Consent.sol";
import {vm} from "../Vm.sol";
import {Actor, sign} from "../base/Actors.sol";
import {Consent} from "../base/Words.sol";
import {Witness} from "../log/Witness.sol";

/// @notice What the tests of the ConsentRegistry share: bad signatures, expected errors, the state of a consent.
abstract contract ConsentTest is Witness {
    uint256 internal constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    /// @dev Signatures of a digest that must not pass for the signer's: of another, empty, short, long, compact (EIP-2098),
    /// with high s, with a wrong parity, zero.
    function _badSignatures(Actor memory signer, bytes32 digest) internal view returns (bytes[] memory bad) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(signer.key, digest);
        uint8 other = v == 27 ? 28 : 27;
        bad = new bytes[](8);
        bad[0] = sign(stranger, digest);
        bad[1] = "";
        bad[2] = abi.encodePacked(r, s);
        bad[3] = abi.encodePacked(r, s, v, v);
        bad[4] = abi.encodePacked(r, uint256(s) | uint256(v - 27) << 255);
        bad[5] = abi.encodePacked(r, bytes32(CURVE_ORDER - uint256(s)), other);
        bad[6] = abi.encodePacked(r, s, other);
        bad[7] = new bytes(65);
    }

    function _expectInvalidSignature(address holder, bytes32 consentId) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.ConsentRegistryInvalidSignature.selector, holder, consentId)
        );
    }

    function _expectWrongEpoch(address holder, uint64 found, uint64 expected) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.ConsentRegistryWrongEpoch.selector, holder, found, expected)
        );
    }

    /// @dev The epoch after a revocation of all in this block: one that nobody knew before it.
    function _nextEpoch(address holder, uint64 epoch) internal view returns (uint64) {
        bytes32 chance = keccak256(abi.encode(blockhash(vm.getBlockNumber() - 1), holder, epoch));
        return epoch + 1 + uint32(uint256(chance));
    }

    function _expectKnown(Consent memory consent, uint8 status) internal {
        vm.expectRevert(
            abi.encodeWithSelector(
                IConsentRegistry.ConsentRegistryKnown.selector, consent.head.holder, _idOf(consent), status
            )
        );
    }

    function _expectNotLive(address holder, bytes32 consentId, uint8 status) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.ConsentRegistryNotLive.selector, holder, consentId, status)
        );
    }

    /// @dev The consent's word, from the slot that light clients prove: mapping of mappings in slot 0.
    function _wordOf(address holder, bytes32 consentId) internal view returns (uint256 word) {
        bytes32 inner = keccak256(abi.encode(holder, uint256(0)));
        word = uint256(vm.load(address(consents), keccak256(abi.encode(consentId, inner))));
        vm.assertEq(consents.slotOf(holder, consentId), word);
    }

    function _assertState(Consent memory consent, uint8 status, uint32 usesLeft, uint64 grantedAt) internal view {
        vm.assertEq(
            _wordOf(consent.head.holder, _idOf(consent)),
            ConsentSlot.pack(status, usesLeft, consent.head.epoch, grantedAt)
        );
    }
}
