// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AuditLog} from "../../../contracts/AuditLog.sol";
import {ConsentRegistry} from "../../../contracts/ConsentRegistry.sol";
import {Council} from "../../../contracts/Council.sol";
import {ParticipantRegistry} from "../../../contracts/ParticipantRegistry.sol";
import {Tenure} from "../../../contracts/interfaces/ICouncil.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {vm} from "../Vm.sol";
import {CouncilHandler, Module} from "./CouncilHandler.sol";

/// @notice What holds for the Council whoever does what in which order.
contract CouncilInvariants {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Council internal council;
    AuditLog internal log;
    ConsentRegistry internal consents;
    CouncilHandler internal handler;

    function setUp() public {
        vm.warp(1_793_491_200);
        vm.roll(100);
        address[] memory founders = new address[](5);
        for (uint256 i = 0; i < founders.length; ++i) {
            founders[i] = address(uint160(0xa0000 + i));
        }
        council = new Council(founders, 3, 2 days);
        log = new AuditLog(address(council));
        ParticipantRegistry participants = new ParticipantRegistry(council);
        consents = new ConsentRegistry(council, log);
        vm.startPrank(address(council));
        council.install(Directory.AUDIT_LOG, address(log));
        council.install(Directory.PARTICIPANT_REGISTRY, address(participants));
        council.install(Directory.CONSENT_REGISTRY, address(consents));
        council.install(Directory.ACCESS_GATEWAY, address(new Module(0)));
        vm.stopPrank();
        handler = new CouncilHandler(council, log, participants, consents);
    }

    /// @dev Read by forge: only the handler is called.
    function targetContracts() external view returns (address[] memory contracts) {
        contracts = new address[](1);
        contracts[0] = address(handler);
    }

    /// @dev Read by forge: only its verbs, and the one that carries a proposal twice as often as the others.
    function targetSelectors() external view returns (FuzzSelector[] memory selectors) {
        selectors = new FuzzSelector[](1);
        selectors[0].addr = address(handler);
        bytes4[] memory verbs = new bytes4[](7);
        verbs[0] = CouncilHandler.propose.selector;
        verbs[1] = CouncilHandler.approve.selector;
        verbs[2] = CouncilHandler.cancel.selector;
        verbs[3] = CouncilHandler.execute.selector;
        verbs[4] = CouncilHandler.carry.selector;
        verbs[5] = CouncilHandler.wait.selector;
        verbs[6] = CouncilHandler.usurp.selector;
        selectors[0].selectors = verbs;
    }

    /// @dev One campaign holds all of them: forge would play the same calls again for each invariant of its own.
    function invariant_council__whatever_happens__keeps_its_promises() public view {
        _power__without_k_of_n__never_moves();
        _votes__of_removed_members__never_count();
        _end__of_a_proposal__is_for_ever();
        _directory__history__has_no_gap_and_no_overlap();
        _rights__of_contracts__follow_the_directory();
        _council__always__can_decide();
    }

    /// Nothing that the Council decides (members, threshold, delay, directory, admissions, principals, writers, gateway) is
    /// different after a call unless the call executed a proposal that as many present members as the threshold says had
    /// approved.
    function _power__without_k_of_n__never_moves() private view {
        vm.assertEq(handler.changesWithoutVotes(), 0, "changes without votes");
    }

    /// The approvals that count are those given in the present membership of who gave them: a removed member's never, and
    /// not again when it comes back.
    function _votes__of_removed_members__never_count() private view {
        for (uint256 i = 0; i < handler.proposalCount(); ++i) {
            bytes32 id = handler.proposals(i);
            (,, uint256 approvals,) = council.proposalOf(id);
            vm.assertEq(approvals, handler.approvalsOf(id), "approvals");
        }
    }

    /// A proposal is executed at most once, and once executed or cancelled it stays so.
    function _end__of_a_proposal__is_for_ever() private view {
        for (uint256 i = 0; i < handler.proposalCount(); ++i) {
            bytes32 id = handler.proposals(i);
            (uint8 state,,,) = council.proposalOf(id);
            vm.assertEq(state, handler.stateOf(id), "state");
            vm.assertEq(handler.executionsOf(id), state == 2 ? 1 : 0, "executions");
        }
    }

    /// At every block since its first filling a role has exactly one contract: each tenure begins in the block in which the
    /// one before ended, and only the last has no end.
    function _directory__history__has_no_gap_and_no_overlap() private view {
        bytes32[6] memory roles = handler.roles();
        for (uint256 i = 0; i < roles.length; ++i) {
            uint256 count = council.tenureCount(roles[i]);
            uint48 until = 0;
            for (uint256 j = 0; j < count; ++j) {
                Tenure memory tenure = council.tenureAt(roles[i], j);
                vm.assertTrue(tenure.account.code.length != 0 && tenure.fromBlock <= block.number, "tenure");
                if (j != 0) vm.assertEq(tenure.fromBlock, until, "gap or overlap");
                until = tenure.untilBlock;
                vm.assertTrue(j == count - 1 ? until == 0 : until >= tenure.fromBlock, "end of tenure");
                if (j == count - 1) vm.assertEq(tenure.account, council.contractOf(roles[i]), "holder");
            }
        }
    }

    /// The right to write the log and to consume consents is with the contracts of the directory and with nobody else.
    function _rights__of_contracts__follow_the_directory() private view {
        bytes32[4] memory writing = [
            Directory.SUBJECT_REGISTRY, Directory.RECORD_REGISTRY, Directory.CONSENT_REGISTRY, Directory.ACCESS_GATEWAY
        ];
        for (uint256 i = 0; i < writing.length; ++i) {
            uint256 count = council.tenureCount(writing[i]);
            for (uint256 j = 0; j < count; ++j) {
                address account = council.tenureAt(writing[i], j).account;
                bool installed = false;
                for (uint256 k = 0; k < writing.length; ++k) {
                    installed = installed || council.isActive(writing[k], account);
                }
                vm.assertEq(log.isWriter(account) ? 1 : 0, installed ? 1 : 0, "right to write");
            }
        }
        bool pushed = council.isActive(Directory.CONSENT_REGISTRY, address(consents));
        if (pushed) vm.assertEq(consents.gateway(), council.contractOf(Directory.ACCESS_GATEWAY), "gateway");
    }

    /// The Council can always decide and nobody alone: distinct members, between the threshold and 64; a threshold of at
    /// least two; a delay of at most ninety days.
    function _council__always__can_decide() private view {
        address[] memory members = council.members();
        vm.assertTrue(council.threshold() >= 2 && council.threshold() <= members.length && members.length <= 64);
        vm.assertTrue(council.delaySeconds() <= 90 days);
        for (uint256 i = 0; i < members.length; ++i) {
            vm.assertTrue(council.isMember(members[i]) && handler.termOf(members[i]) != 0);
            for (uint256 j = 0; j < i; ++j) {
                vm.assertTrue(members[i] != members[j]);
            }
        }
    }

    /// The handler reaches what the invariants speak of: a proposal of its own is carried and changes a setting.
    function test_handler__carried_proposal__changes_the_settings() public {
        bytes32 before = handler.settings();
        handler.propose(0, 2, 0);
        handler.carry(0, 0);
        vm.assertTrue(handler.settings() == before && handler.executions() == 0);
        handler.carry(9, 0);
        vm.assertTrue(handler.settings() != before);
        vm.assertTrue(handler.executions() == 1 && handler.changes() == 1 && handler.changesWithoutVotes() == 0);
    }
}
