// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Chains} from "../../../contracts/libraries/Chains.sol";
import {Access, AccessLib, AccessSlot} from "../../../contracts/types/Access.sol";
import {ConsentHead, ConsentLib, ConsentScope, ConsentSlot} from "../../../contracts/types/Consent.sol";
import {RecordSlot, RecordStatus} from "../../../contracts/types/Record.sol";
import {vm} from "../Vm.sol";

/// @notice Codecs and struct hashes, whatever the values.
contract TypesTest {
    using ConsentSlot for uint256;

    /// The hash in place equals the hash of the encoded copy, and leaves memory as it was.
    function testFuzz_hash__in_place__equals_encoded(Access memory access, ConsentScope memory scope) public pure {
        bytes32 before = keccak256(abi.encode(access, scope));

        vm.assertEq(AccessLib.hash(access), keccak256(abi.encode(AccessLib.ACCESS_TYPEHASH, access)));
        vm.assertEq(ConsentLib.hash(scope), keccak256(abi.encode(ConsentLib.SCOPE_TYPEHASH, scope)));
        vm.assertEq(keccak256(abi.encode(access, scope)), before);
    }

    function testFuzz_hash__head__equals_encoded(ConsentHead memory head) public pure {
        vm.assertEq(ConsentLib.hash(head), keccak256(abi.encode(ConsentLib.HEAD_TYPEHASH, head)));
    }

    function testFuzz_consentSlot__packs_and_unpacks(uint8 status, uint32 uses, uint64 epoch, uint64 at_) public pure {
        uint256 slot = ConsentSlot.pack(status, uses, epoch, at_);

        vm.assertTrue(slot.status() == status && slot.usesLeft() == uses);
        vm.assertTrue(slot.epoch() == epoch && slot.grantedAt() == at_);
        vm.assertEq(slot.withStatus(3), ConsentSlot.pack(3, uses, epoch, at_));
        if (uses != 0) vm.assertEq(slot.spent(), ConsentSlot.pack(status, uses - 1, epoch, at_));
    }

    function testFuzz_accessSlot__packs_and_unpacks(uint16 code, uint64 expiry, uint8 kind, uint64 at_, bytes32 key)
        public
        pure
    {
        uint256 slot = AccessSlot.pack(code, expiry, kind, at_, key);

        vm.assertTrue(AccessSlot.code(slot) == code && AccessSlot.expiry(slot) == expiry);
        vm.assertTrue(AccessSlot.kind(slot) == kind && AccessSlot.recordedAt(slot) == at_);
        vm.assertTrue(AccessSlot.hasKey(slot, key) && !AccessSlot.isFrozen(slot) && !AccessSlot.isReviewed(slot));
        vm.assertTrue(
            AccessSlot.isFrozen(slot | AccessSlot.FROZEN) && AccessSlot.isReviewed(slot | AccessSlot.REVIEWED)
        );
        vm.assertEq(AccessSlot.code(slot | AccessSlot.FROZEN | AccessSlot.REVIEWED), code);
    }

    function testFuzz_recordSlot__order_and_attestations(uint64 from, uint64 to, uint32 set, uint8 seat) public pure {
        uint256 slot = RecordSlot.ordered(from, to, set);
        uint256 attested = RecordSlot.attested(slot, seat % 64);

        vm.assertTrue(RecordSlot.status(attested) == RecordStatus.ORDERED && RecordSlot.reason(attested) == 0);
        vm.assertTrue(RecordSlot.orderedAt(attested) == from && RecordSlot.erasableFrom(attested) == to);
        vm.assertTrue(RecordSlot.custodianSet(attested) == set);
        vm.assertEq(RecordSlot.attestations(attested), uint256(1) << (seat % 64));
        vm.assertEq(RecordSlot.status(RecordSlot.destroyed(attested)), RecordStatus.DESTROYED);
    }

    /// A chain counts by one, and its head depends on the entry and on all before it.
    function testFuzz_extended__counts_and_binds(uint256 slot, bytes32 entry, bytes32 other) public pure {
        vm.assume(uint48(slot) != type(uint48).max && entry != other);
        uint256 next = Chains.extended(slot, entry);

        vm.assertEq(uint48(next), uint256(uint48(slot)) + 1);
        vm.assertTrue(next >> 48 != Chains.extended(slot, other) >> 48);
        vm.assertTrue(next >> 48 != Chains.extended(next, entry) >> 48);
    }
}
