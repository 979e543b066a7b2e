// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordRegistry} from "../../../contracts/interfaces/IRecordRegistry.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {vm} from "../Vm.sol";
import {RecordHandler} from "./RecordHandler.sol";

/// @notice What holds of anchors, invalid versions and destruction, whatever sources, patients, custodians, supervisors and the
/// Council do in whatever order.
/// forge-config: default.invariant.runs = 32
/// forge-config: deep.invariant.runs = 256
/// forge-config: deep.invariant.depth = 256
contract RecordInvariants {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    RecordHandler private _handler;

    function setUp() public {
        _handler = new RecordHandler();
        _handler.setUp();
        // Invariants of the first calls would hold of nothing: begin with something to play with.
        for (uint256 seed = 0; seed < 6; ++seed) {
            _handler.order(seed);
        }
        _handler.pass(2);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[7] memory verbs = [
            RecordHandler.anchor.selector,
            RecordHandler.invalidate.selector,
            RecordHandler.order.selector,
            RecordHandler.attest.selector,
            RecordHandler.hold.selector,
            RecordHandler.suspend.selector,
            RecordHandler.pass.selector
        ];
        targets = new FuzzSelector[](1);
        targets[0].addr = address(_handler);
        targets[0].selectors = new bytes4[](verbs.length);
        for (uint256 i = 0; i < verbs.length; ++i) {
            targets[0].selectors[i] = verbs[i];
        }
    }

    /// An anchored root keeps its time, count, set and tag for ever.
    function invariant_anchor__once_written__stays() public view {
        _handler.assertAnchors();
    }

    /// An invalid version is never valid again, and nobody changes the reason.
    function invariant_record__invalid__is_never_valid_again() public view {
        _handler.assertInvalid();
    }

    /// An order or a destruction never goes back: only attestations are added, and exactly n − t + 1 of them destroy.
    function invariant_order__given__never_goes_back() public view {
        _handler.assertOrders();
    }

    /// Entries are never changed or skipped: the global chain and those of sources, custodians and subjects recompute from
    /// events.
    function invariant_log__chains__recompute_from_events() public view {
        _handler.assertChains();
    }

    /// The counts of all chains are the number of entries there were, and each change has its event and its entry.
    function invariant_log__counters__equal_events() public view {
        _handler.assertCounts();
        _assertPair(Entries.BATCH_ANCHORED, IRecordRegistry.BatchAnchored.selector);
        _assertPair(Entries.LOG_ANCHORED, IRecordRegistry.LogAnchored.selector);
        _assertPair(Entries.RECORD_INVALIDATED, IRecordRegistry.RecordInvalidated.selector);
        _assertPair(Entries.DESTRUCTION_ORDERED, IRecordRegistry.DestructionOrdered.selector);
        _assertPair(Entries.DESTRUCTION_ATTESTED, IRecordRegistry.DestructionAttested.selector);
    }

    /// Every verb succeeds exactly when it may: nobody orders, attests, anchors or invalidates in another's place, under a legal
    /// hold or before its time.
    function invariant_verbs__succeed__exactly_when_they_may() public view {
        vm.assertTrue(bytes(_handler.broken()).length == 0, _handler.broken());
    }

    function _assertPair(uint8 kind, bytes32 topic) private view {
        vm.assertEq(_handler.entriesOf(kind), _handler.eventsOf(topic));
    }
}
