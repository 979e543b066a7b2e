// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Chains} from "../../../contracts/libraries/Chains.sol";
import {Leaves, RecordVersion} from "../../../contracts/libraries/Leaves.sol";
import {Access, AccessLib, AccessSlot, AccessWords} from "../../../contracts/types/Access.sol";
import {ConsentHead, ConsentLib, ConsentScope, ConsentSlot, ConsentWords} from "../../../contracts/types/Consent.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {Attestation, Destruction, RecordLib, RecordSlot} from "../../../contracts/types/Record.sol";
import {vm} from "../Vm.sol";
import {Consent, Words} from "../base/Words.sol";

/// @notice Every packed word, leaf and link against docs/protocol.md, written out again here with products and hashes.
contract LayoutsTest {
    /* WORDS */

    /// What was packed comes out again, field by field, whatever stood in the struct before.
    function testFuzz_unpack__consent__gives_back_what_was_packed(Consent memory consent, Consent memory stale)
        public
        view
    {
        (ConsentHead memory head, ConsentScope memory scope) =
            this.unpackConsent(Words.pack(consent), stale.head, stale.scope);
        vm.assertEq(keccak256(abi.encode(head, scope)), keccak256(abi.encode(consent.head, consent.scope)));
        vm.assertTrue(this.isCleanConsent(Words.pack(consent)));
    }

    function testFuzz_unpack__access__gives_back_what_was_packed(Access memory access, Access memory stale)
        public
        view
    {
        vm.assertEq(keccak256(abi.encode(this.unpackAccess(Words.pack(access), stale))), keccak256(abi.encode(access)));
        vm.assertTrue(this.isCleanAccess(Words.pack(access)));
    }

    /// Words of all ones below the last field are clean; one bit more is not.
    function test_isClean__each_word__ends_at_its_last_field() public view {
        uint8[4] memory widths = [160, 160, 208, 240];
        for (uint256 word = 0; word < 4; ++word) {
            for (uint256 bit = 0; bit < 256; ++bit) {
                uint256[4] memory values;
                values[word] = 1 << bit;
                ConsentWords memory words;
                (words.holder, words.head, words.scope, words.validity) = (values[0], values[1], values[2], values[3]);
                vm.assertTrue(this.isCleanConsent(words) == bit < widths[word]);
            }
        }
        for (uint256 bit = 0; bit < 256; ++bit) {
            AccessWords memory words;
            words.scope = 1 << bit;
            vm.assertTrue(this.isCleanAccess(words) == bit < 240);
            (words.scope, words.deadline) = (0, 1 << bit);
            vm.assertTrue(this.isCleanAccess(words) == bit < 64);
        }
    }

    function testFuzz_hash__consent__is_eip712(bytes32 headHash, bytes32 scopeHash) public pure {
        bytes32 typeHash = keccak256(
            "Consent(ConsentHead head,ConsentScope scope)ConsentHead(address holder,uint64 epoch,uint32 maxUses,uint64 deadline,bytes32 replaces)ConsentScope(bytes32 granteeId,uint32 purposes,uint64 categories,uint16 actions,uint8 maxLevel,uint8 maxConfidentiality,uint8 minForm,uint8 windowMonths,uint32 fromDay,uint32 toDay,uint64 validFrom,uint64 validUntil,uint32 sessionMinutes,uint32 obligations,uint32 flags,uint16 ruleset,bytes32 terms,bytes32 salt)"
        );
        vm.assertEq(ConsentLib.hash(headHash, scopeHash), keccak256(abi.encode(typeHash, headHash, scopeHash)));
    }

    function testFuzz_hash__records__is_eip712(Destruction memory destruction, Attestation memory attestation)
        public
        view
    {
        bytes32 typeHash = keccak256(
            "Destruction(bytes32 sourceId,bytes32 recordId,bytes32 subjectRef,uint32 custodianSet,uint64 deadline)"
        );
        vm.assertEq(this.hashDestruction(destruction), keccak256(abi.encode(typeHash, destruction)));
        typeHash = keccak256(
            "Attestation(bytes32 sourceId,bytes32 recordId,bytes32 subjectRef,bytes32 custodianId,uint32 erased)"
        );
        vm.assertEq(this.hashAttestation(attestation), keccak256(abi.encode(typeHash, attestation)));
    }

    /* SLOTS */

    function testFuzz_consentSlot__is_as_documented(uint8 status, uint32 uses, uint64 epoch, uint64 at_) public pure {
        uint256 slot = ConsentSlot.pack(status, uses, epoch, at_);
        uint256 high = uint256(uses) * 2 ** 8 + uint256(epoch) * 2 ** 40 + uint256(at_) * 2 ** 104;
        vm.assertEq(slot, status + high);
        vm.assertEq(ConsentSlot.withStatus(slot, 2), 2 + high);
        vm.assertEq(ConsentSlot.UNLIMITED, 0xffffffff);
    }

    function testFuzz_accessSlot__is_as_documented(uint16 code, uint64 expiry, uint8 kind, uint64 at_) public pure {
        uint256 slot = AccessSlot.pack(code, expiry, kind, at_, "key");
        uint256 low = code + uint256(expiry) * 2 ** 16 + uint256(kind) * 2 ** 80 + uint256(at_) * 2 ** 96;
        vm.assertEq(slot, low + uint256(keccak256(abi.encode(bytes32("key")))) % 2 ** 96 * 2 ** 160);
        vm.assertEq(AccessSlot.FROZEN, 2 ** 88);
        vm.assertEq(AccessSlot.REVIEWED, 2 ** 89);
        vm.assertFalse(AccessSlot.isFrozen(~AccessSlot.FROZEN) || AccessSlot.isReviewed(~AccessSlot.REVIEWED));
    }

    /// Only the key an access was recorded under fits it.
    function testFuzz_accessSlot__another_key__does_not_fit(bytes32 key, bytes32 flip) public pure {
        vm.assume(flip != 0);
        uint256 slot = AccessSlot.pack(1, 1, 1, 1, key);
        vm.assertTrue(AccessSlot.hasKey(slot, key));
        vm.assertFalse(AccessSlot.hasKey(slot, key ^ flip));
    }

    function testFuzz_recordSlot__is_as_documented(uint8 reason, uint64 from, uint64 to, uint32 set) public pure {
        vm.assertEq(RecordSlot.invalid(reason), 1 + uint256(reason) * 2 ** 8);
        vm.assertEq(RecordSlot.reason(RecordSlot.invalid(reason)), reason);
        uint256 slot = RecordSlot.ordered(from, to, set);
        uint256 high = uint256(from) * 2 ** 16 + uint256(to) * 2 ** 80 + uint256(set) * 2 ** 144;
        vm.assertEq(slot, 2 + high);
        vm.assertEq(RecordSlot.destroyed(slot), 3 + high);
        uint256 bitmap;
        for (uint256 seat = 0; seat < 64; ++seat) {
            bitmap |= 1 << seat;
            slot = RecordSlot.attested(slot, seat);
            vm.assertEq(RecordSlot.attested(slot, seat), slot);
            vm.assertEq(slot, 2 + high + bitmap * 2 ** 176);
        }
        vm.assertEq(RecordSlot.attestations(slot), type(uint64).max);
    }

    /* LEAVES AND LINKS */

    function testFuzz_ofRecord__is_as_documented(uint256 chainId, RecordVersion memory version) public pure {
        bytes32 inner = keccak256(bytes.concat(abi.encode(keccak256("salus.leaf.v1"), chainId), abi.encode(version)));
        vm.assertEq(Leaves.ofRecord(chainId, version), keccak256(abi.encode(inner)));
    }

    function testFuzz_leaves__are_as_documented(bytes32 one, bytes32 other, uint8 field, uint64 index) public pure {
        vm.assertEq(Leaves.ofRequest(one), _twice(abi.encode(keccak256("salus.records.v1"), one)));
        vm.assertEq(
            Leaves.ofTerm(field, one, other), _twice(abi.encode(keccak256("salus.terms.v1"), field, one, other))
        );
        vm.assertEq(Leaves.ofLog(index, one), _twice(abi.encode(keccak256("salus.log.v1"), index, one)));
    }

    function testFuzz_orderId__is_as_documented(bytes32 recordId, bytes32 subjectRef) public pure {
        vm.assertEq(
            RecordLib.orderId(recordId, subjectRef),
            keccak256(abi.encode(keccak256("salus.order.v1"), recordId, subjectRef))
        );
    }

    function testFuzz_extended__is_as_documented(uint256 slot, bytes32 entry) public pure {
        vm.assume(uint48(slot) != type(uint48).max);
        uint256 head = uint256(keccak256(abi.encode(keccak256("salus.head.v1"), slot >> 48, entry))) % 2 ** 208;
        vm.assertEq(Chains.extended(slot, entry), head * 2 ** 48 + slot % 2 ** 48 + 1);
    }

    /// A full count starts again from 0 and never touches the head.
    function test_extended__full_count__does_not_carry() public pure {
        uint256 next = Chains.extended(type(uint48).max, "entry");
        vm.assertEq(uint48(next), 0);
        vm.assertTrue(next >> 48 != 0);
    }

    function testFuzz_entryOf__is_as_documented(
        uint256 chainId,
        address emitter,
        bytes32 key,
        uint8 kind,
        uint16 code,
        bytes32 referenceId,
        uint64 time
    ) public pure {
        bytes32 expected = keccak256(
            abi.encode(keccak256("salus.entry.v1"), chainId, emitter, key, kind, code, referenceId, time)
        );
        vm.assertEq(Chains.entryOf(chainId, emitter, key, kind, code, referenceId, time), expected);
    }

    /* DIRECTORY */

    function test_writesLog__each_role__as_documented() public pure {
        vm.assertTrue(Directory.writesLog(keccak256("salus.role.SubjectRegistry")));
        vm.assertTrue(Directory.writesLog(keccak256("salus.role.RecordRegistry")));
        vm.assertTrue(Directory.writesLog(keccak256("salus.role.ConsentRegistry")));
        vm.assertTrue(Directory.writesLog(keccak256("salus.role.AccessGateway")));
        vm.assertFalse(Directory.writesLog(keccak256("salus.role.ParticipantRegistry")));
        vm.assertFalse(Directory.writesLog(keccak256("salus.role.AuditLog")));
        vm.assertFalse(Directory.writesLog(0));
    }

    function test_keepsState__each_role__all_but_the_gateway() public pure {
        vm.assertTrue(Directory.keepsState(keccak256("salus.role.SubjectRegistry")));
        vm.assertTrue(Directory.keepsState(keccak256("salus.role.RecordRegistry")));
        vm.assertTrue(Directory.keepsState(keccak256("salus.role.ConsentRegistry")));
        vm.assertTrue(Directory.keepsState(keccak256("salus.role.ParticipantRegistry")));
        vm.assertTrue(Directory.keepsState(keccak256("salus.role.AuditLog")));
        vm.assertFalse(Directory.keepsState(keccak256("salus.role.AccessGateway")));
        vm.assertFalse(Directory.keepsState(0));
    }

    /* EXTERNAL, because the codecs read calldata */

    function unpackConsent(ConsentWords calldata words, ConsentHead memory head, ConsentScope memory scope)
        external
        pure
        returns (ConsentHead memory, ConsentScope memory)
    {
        ConsentLib.unpackHead(words, head);
        ConsentLib.unpackScope(words, scope);
        return (head, scope);
    }

    function unpackAccess(AccessWords calldata words, Access memory access) external pure returns (Access memory) {
        AccessLib.unpack(words, access);
        return access;
    }

    function isCleanConsent(ConsentWords calldata words) external pure returns (bool) {
        return ConsentLib.isClean(words);
    }

    function isCleanAccess(AccessWords calldata words) external pure returns (bool) {
        return AccessLib.isClean(words);
    }

    function hashDestruction(Destruction calldata value) external pure returns (bytes32) {
        return RecordLib.hash(value);
    }

    function hashAttestation(Attestation calldata value) external pure returns (bytes32) {
        return RecordLib.hash(value);
    }

    function _twice(bytes memory encoded) private pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(encoded)));
    }
}
