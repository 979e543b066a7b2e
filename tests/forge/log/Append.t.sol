// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {vm} from "../Vm.sol";
import {Witness} from "./Witness.sol";

contract AppendTest is Witness {
    /// A stand-in for a contract of the directory.
    address private constant WRITER = address(0x5a1d5);

    function setUp() public override {
        super.setUp();
        vm.prank(address(council));
        log.admitWriter(WRITER);
    }

    /// Whatever a writer says is the next link of both chains, with the time of its block.
    function testFuzz_append__by_a_writer__extends_both_chains(
        bytes32 key,
        uint8 kind,
        uint16 code,
        bytes32 referenceId,
        uint32 later
    ) public {
        _skip(later);
        _expectEntry(WRITER, key, kind, code, referenceId);
        _listen();
        vm.prank(WRITER);
        log.append(key, kind, code, referenceId);

        _assertHeard();
        _assertReads(key);
    }

    /// Entries of three keys, mixed: each chain counts its own, the global one counts all.
    /// forge-config: default.fuzz.runs = 48
    /// forge-config: deep.fuzz.runs = 10000
    function testFuzz_append__many__chains_count_and_bind_all(uint8[12] memory choices) public {
        (, uint48 globalBefore) = log.globalChain();
        uint48[3] memory counts;
        bytes32[3] memory keys = [bytes32(0), "one", bytes32(type(uint256).max)];
        for (uint256 i = 0; i < choices.length; ++i) {
            uint256 choice = choices[i] % 3;
            ++counts[choice];
            uint16 code = i == 5 ? type(uint16).max : 0;
            _expectEntry(WRITER, keys[choice], choices[i], code, bytes32(i));
            _listen();
            vm.prank(WRITER);
            log.append(keys[choice], choices[i], code, bytes32(i));
            _assertHeard();
        }

        (, uint48 global) = log.globalChain();
        vm.assertEq(global, globalBefore + choices.length);
        for (uint256 i = 0; i < 3; ++i) {
            (, uint48 count) = log.chainOf(keys[i]);
            vm.assertEq(count, counts[i]);
        }
    }

    /// The same entry again is another link: a chain can't be told twice in one head.
    function test_append__the_same_twice__is_two_links() public {
        vm.startPrank(WRITER);
        log.append("key", 1, 1, "reference");
        (uint208 first,) = log.chainOf("key");
        log.append("key", 1, 1, "reference");
        (uint208 second, uint48 count) = log.chainOf("key");
        vm.stopPrank();

        vm.assertEq(count, 2);
        vm.assertTrue(first != 0 && first != second);
    }

    /// The chain names who wrote: two writers' equal entries differ.
    function test_append__same_entry_of_two_writers__differs() public {
        vm.prank(address(council));
        log.admitWriter(stranger.account);
        uint256 start = vm.snapshotState();
        vm.prank(WRITER);
        log.append("key", 1, 1, "reference");
        uint256 one = _chainWord("key");
        vm.revertToState(start);
        vm.prank(stranger.account);
        log.append("key", 1, 1, "reference");

        vm.assertTrue(one != _chainWord("key"));
    }

    function test_chainOf__a_key_without_entries__is_empty() public view {
        (uint208 head, uint48 count) = log.chainOf("nothing");
        vm.assertEq(head, 0);
        vm.assertEq(count, 0);
    }

    /* REFUSALS */

    function testFuzz_append__by_anybody_else__is_refused(address caller) public {
        vm.assume(!log.isWriter(caller));
        uint256 word = _globalWord();
        vm.prank(caller);
        _expectNotWriter(caller);
        log.append("key", 1, 1, "reference");
        vm.assertEq(_globalWord(), word);
    }

    /// Neither the Council, which admits writers, nor a registry that writes nothing.
    function test_append__by_the_council_or_an_institution__is_refused() public {
        address[4] memory callers =
            [address(council), address(participants), hospital.principal.account, members[0].account];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            _expectNotWriter(callers[i]);
            log.append("key", 1, 1, "reference");
        }
    }

    function test_append__by_a_retired_writer__is_refused() public {
        vm.prank(address(council));
        log.retireWriter(WRITER);
        vm.prank(WRITER);
        _expectNotWriter(WRITER);
        log.append("key", 1, 1, "reference");
    }

    /// The four contracts that the Council installed do append.
    function test_append__by_each_contract_of_the_directory__is_kept() public {
        address[4] memory writers = [address(subjects), address(records), address(consents), address(gateway)];
        for (uint256 i = 0; i < writers.length; ++i) {
            _expectEntry(writers[i], "key", 1, 1, "reference");
            _listen();
            vm.prank(writers[i]);
            log.append("key", 1, 1, "reference");
            _assertHeard();
        }
    }

    /* INTERNAL */

    /// @dev What the log answers is what its slots hold.
    function _assertReads(bytes32 key) private view {
        (uint208 head, uint48 count) = log.globalChain();
        vm.assertEq(uint256(head) * 2 ** 48 + count, _globalWord());
        (head, count) = log.chainOf(key);
        vm.assertEq(uint256(head) * 2 ** 48 + count, _chainWord(key));
    }

    function _expectNotWriter(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IAuditLog.AuditLogNotWriter.selector, caller));
    }
}
