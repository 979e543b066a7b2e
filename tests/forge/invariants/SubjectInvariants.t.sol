// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SubjectRegistry} from "../../../contracts/SubjectRegistry.sol";
import {vm} from "../Vm.sol";
import {Base} from "../base/Base.sol";
import {SubjectHandler} from "./SubjectHandler.sol";

/// @notice What holds for subjects whoever does what in which order.
contract SubjectInvariants is Base {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    uint256 private constant MAX_MERGED = 8;
    SubjectHandler internal handler;

    function setUp() public override {
        super.setUp();
        handler = new SubjectHandler(subjects, log, address(council), hospital, clinic, regulator);
        // All but one are claimed, so that most verbs have somebody to speak for.
        handler.bind(0, 0, 1);
        handler.bind(1, 1, 1);
        handler.bind(3, 2, 1);
    }

    /// @dev Read by forge: only the handler is called.
    function targetContracts() external view returns (address[] memory contracts) {
        contracts = new address[](1);
        contracts[0] = address(handler);
    }

    /// @dev Read by forge: only its verbs.
    function targetSelectors() external view returns (FuzzSelector[] memory selectors) {
        selectors = new FuzzSelector[](1);
        bytes4[15] memory verbs = [
            SubjectHandler.rotate.selector,
            SubjectHandler.appoint.selector,
            SubjectHandler.veto.selector,
            SubjectHandler.freeze.selector,
            SubjectHandler.deny.selector,
            SubjectHandler.retain.selector,
            SubjectHandler.register.selector,
            SubjectHandler.bind.selector,
            SubjectHandler.recover.selector,
            SubjectHandler.appointLate.selector,
            SubjectHandler.complete.selector,
            SubjectHandler.link.selector,
            SubjectHandler.unlink.selector,
            SubjectHandler.hold.selector,
            SubjectHandler.wait.selector
        ];
        selectors[0].addr = address(handler);
        selectors[0].selectors = new bytes4[](verbs.length);
        for (uint256 i = 0; i < verbs.length; ++i) {
            selectors[0].selectors[i] = verbs[i];
        }
    }

    /// @dev One campaign holds all of them: forge would play the same calls again for each invariant of its own.
    function invariant_subjects__whatever_happens__keep_their_promises() public view {
        _verbs__signed_or_sent_by_others__never_pass();
        _controller__of_a_subject__changes_only_by_bind_rotate_or_recovery();
        _counters__of_a_subject__never_fall();
        _link__of_two_references__is_one_hop();
        _group__of_linked_references__unites_freezes_denials_and_holds();
        _changes__of_a_subject__are_on_its_chain();
    }

    /// No verb passes with the signature of somebody else, after its deadline, or sent by who may not send it.
    function _verbs__signed_or_sent_by_others__never_pass() private view {
        vm.assertEq(handler.forgeriesThatPassed(), 0, "forgeries that passed");
    }

    /// A subject's controller is who was bound, or was handed control by its controller, or was recovered no earlier than
    /// the delay after the recovery began.
    function _controller__of_a_subject__changes_only_by_bind_rotate_or_recovery() private view {
        vm.assertEq(handler.unexplainedControllers(), 0, "unexplained controllers");
        vm.assertEq(handler.earlyCompletions(), 0, "early completions");
        vm.assertEq(handler.leftGuardians(), 0, "guardians left by a recovery");
        for (uint256 i = 0; i < handler.REFERENCES(); ++i) {
            bytes32 ref = handler.refs(i);
            vm.assertEq(subjects.controllerOf(ref), handler.controllerOf(ref), "controller");
        }
    }

    /// A subject's nonce and epoch never fall, so no signature comes back to life; the epoch counts the changes of hands.
    function _counters__of_a_subject__never_fall() private view {
        vm.assertEq(handler.fallenCounters(), 0, "fallen counters");
        for (uint256 i = 0; i < handler.REFERENCES(); ++i) {
            bytes32 ref = handler.refs(i);
            vm.assertEq(subjects.subject(ref).epoch, handler.epochOf(ref), "epoch");
        }
    }

    /// A merged reference points at one of its own source that is merged nowhere, and has nothing merged into itself; both
    /// sides of the link say the same.
    function _link__of_two_references__is_one_hop() private view {
        for (uint256 i = 0; i < handler.REFERENCES(); ++i) {
            bytes32 ref = handler.refs(i);
            bytes32[] memory merged = subjects.mergedInto(ref);
            vm.assertTrue(merged.length <= MAX_MERGED, "size of group");
            for (uint256 j = 0; j < merged.length; ++j) {
                vm.assertEq(subjects.subject(merged[j]).survivor, ref, "survivor of merged");
                for (uint256 k = 0; k < j; ++k) {
                    vm.assertTrue(merged[j] != merged[k], "merged twice");
                }
            }
            bytes32 survivor = subjects.subject(ref).survivor;
            if (survivor == 0) continue;
            vm.assertTrue(merged.length == 0 && survivor != ref, "chain of links");
            vm.assertEq(subjects.subject(survivor).survivor, 0, "second hop");
            vm.assertEq(subjects.sourceOf(survivor), subjects.sourceOf(ref), "source");
            bytes32[] memory siblings = subjects.mergedInto(survivor);
            bool found = false;
            for (uint256 j = 0; j < siblings.length; ++j) {
                found = found || siblings[j] == ref;
            }
            vm.assertTrue(found, "merged but not listed");
        }
    }

    /// Whoever is merged together is frozen, held and denying together: any freeze or hold of one is everybody's, and of
    /// denials the strongest.
    function _group__of_linked_references__unites_freezes_denials_and_holds() private view {
        bytes32[2] memory participantIds = handler.participantIds();
        for (uint256 i = 0; i < handler.REFERENCES(); ++i) {
            bytes32 ref = handler.refs(i);
            bool frozen = false;
            bool held = false;
            uint8[2] memory denials;
            for (uint256 j = 0; j < handler.REFERENCES(); ++j) {
                bytes32 other = handler.refs(j);
                if (_headOf(other) != _headOf(ref)) continue;
                frozen = frozen || handler.frozenOf(other);
                held = held || handler.heldOf(other);
                for (uint256 k = 0; k < 2; ++k) {
                    uint8 denial = handler.denialOf(other, participantIds[k]);
                    if (denial > denials[k]) denials[k] = denial;
                }
            }
            vm.assertEq(subjects.isFrozen(ref) ? 1 : 0, frozen ? 1 : 0, "frozen");
            vm.assertEq(subjects.isHeld(ref) ? 1 : 0, held ? 1 : 0, "held");
            for (uint256 k = 0; k < 2; ++k) {
                vm.assertEq(subjects.denialOf(ref, participantIds[k]), denials[k], "denial");
            }
        }
    }

    /// Every change of a subject is an entry on its chain and nothing else is, and every chain recomputes from the events.
    function _changes__of_a_subject__are_on_its_chain() private view {
        vm.assertEq(handler.untracedChanges(), 0, "untraced changes");
        for (uint256 i = 0; i < handler.REFERENCES(); ++i) {
            bytes32 ref = handler.refs(i);
            (uint208 head, uint48 count) = log.chainOf(ref);
            vm.assertEq(uint256(head) << 48 | count, handler.chainOf(ref), "chain");
        }
        (uint208 globalHead, uint48 globalCount) = log.globalChain();
        vm.assertEq(uint256(globalHead) << 48 | globalCount, handler.globalChain(), "global chain");
        vm.assertEq(globalCount, handler.entries(), "number of entries");
    }

    function _headOf(bytes32 ref) private view returns (bytes32) {
        bytes32 survivor = subjects.subject(ref).survivor;
        return survivor == 0 ? ref : survivor;
    }

    /// The handler reaches what the invariants speak of: each of its verbs can succeed.
    function test_handler__a_life__reaches_every_verb() public {
        handler.register(2, 0);
        handler.appoint(0, 2, 1);
        handler.freeze(0, 1);
        handler.deny(0, 1, 2, 1);
        handler.retain(0, 2, 1);
        handler.link(0, 1, 1);
        handler.hold(0, 0);
        invariant_subjects__whatever_happens__keep_their_promises();
        handler.unlink(0, 1);
        vm.assertEq(handler.successes(SubjectRegistry.unlink.selector), 0, "unlink under a hold");
        handler.hold(0, 0);
        handler.unlink(0, 1);
        handler.recover(0, 1, 2);
        handler.veto(0, 1);
        handler.appointLate(0, 1, 2);
        handler.rotate(0, 3, 1);
        handler.recover(0, 1, 0);
        handler.complete(0, 2);
        vm.assertEq(subjects.controllerOf(handler.refs(0)), handler.controllerOf(handler.refs(0)));
        vm.assertEq(handler.successes(SubjectRegistry.complete.selector), 0);
        handler.complete(0, 1);
        invariant_subjects__whatever_happens__keep_their_promises();

        bytes4[14] memory verbs = [
            SubjectRegistry.register.selector,
            SubjectRegistry.bind.selector,
            SubjectRegistry.appoint.selector,
            SubjectRegistry.freeze.selector,
            SubjectRegistry.deny.selector,
            SubjectRegistry.retain.selector,
            SubjectRegistry.link.selector,
            SubjectRegistry.hold.selector,
            SubjectRegistry.unlink.selector,
            SubjectRegistry.recover.selector,
            SubjectRegistry.veto.selector,
            SubjectRegistry.rotate.selector,
            SubjectRegistry.complete.selector,
            SubjectRegistry.appoint.selector
        ];
        for (uint256 i = 0; i < verbs.length; ++i) {
            vm.assertTrue(handler.successes(verbs[i]) != 0, "a verb never succeeds");
        }
        vm.assertEq(subjects.controllerOf(handler.refs(0)), bob.account);
    }
}
