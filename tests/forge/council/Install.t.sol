// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AuditLog} from "../../../contracts/AuditLog.sol";
import {Council} from "../../../contracts/Council.sol";
import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {ICouncil, Tenure} from "../../../contracts/interfaces/ICouncil.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {Vm, vm} from "../Vm.sol";
import {CouncilTest, Target} from "./CouncilTest.sol";

contract InstallTest is CouncilTest {
    Target internal second = new Target();

    function test_install__empty_role__is_filled_from_this_block() public {
        vm.roll(100);
        vm.recordLogs();
        _install("role", address(target));
        Vm.Log[] memory told = _told();

        emit ICouncil.ContractInstalled("role", address(target), address(0));
        _assertTold(told);
        vm.assertEq(council.contractOf("role"), address(target));
        vm.assertTrue(council.isActive("role", address(target)));
        vm.assertFalse(council.isActive("role", address(second)));
        vm.assertEq(council.tenureCount("role"), 1);
        _assertTenure("role", 0, address(target), 100, 0);
    }

    function test_install__filled_role__ends_the_tenure_before() public {
        vm.roll(100);
        _install("role", address(target));
        vm.roll(150);
        vm.recordLogs();
        _install("role", address(second));
        Vm.Log[] memory told = _told();

        emit ICouncil.ContractInstalled("role", address(second), address(target));
        _assertTold(told);
        vm.assertFalse(council.isActive("role", address(target)));
        vm.assertTrue(council.isActive("role", address(second)));
        vm.assertEq(council.tenureCount("role"), 2);
        _assertTenure("role", 0, address(target), 100, 150);
        _assertTenure("role", 1, address(second), 150, 0);
    }

    function test_install__back_again__is_a_third_tenure() public {
        vm.roll(100);
        _install("role", address(target));
        vm.roll(150);
        _install("role", address(second));
        vm.roll(170);
        _install("role", address(target));

        vm.assertEq(council.tenureCount("role"), 3);
        _assertTenure("role", 0, address(target), 100, 150);
        _assertTenure("role", 1, address(second), 150, 170);
        _assertTenure("role", 2, address(target), 170, 0);
    }

    function test_directory__empty_role__has_no_history() public {
        vm.assertEq(council.contractOf("role"), address(0));
        vm.assertFalse(council.isActive("role", address(0)));
        vm.assertEq(council.tenureCount("role"), 0);
        _assertTenure("role", 0, address(0), 0, 0);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x32));
        council.tenureAt("role", 1);
    }

    /* RIGHTS THAT FOLLOW */

    function test_install__role_that_writes__gets_the_right_to_write() public {
        council = _youngCouncil();
        log = new AuditLog(address(council));
        _install(Directory.AUDIT_LOG, address(log));
        bytes32[3] memory roles = [Directory.SUBJECT_REGISTRY, Directory.RECORD_REGISTRY, Directory.CONSENT_REGISTRY];
        for (uint256 i = 0; i < roles.length; ++i) {
            address first = address(new Target());
            vm.recordLogs();
            _install(roles[i], first);
            Vm.Log[] memory told = _told();

            emit ICouncil.ContractInstalled(roles[i], first, address(0));
            emit IAuditLog.WriterAdmitted(first);
            _assertTold(told);
            vm.assertTrue(log.isWriter(first));
        }
    }

    function test_install__gateway__moves_the_right_to_write_and_to_consume() public {
        address previous = address(gateway);
        vm.recordLogs();
        _install(Directory.ACCESS_GATEWAY, address(target));
        Vm.Log[] memory told = _told();

        emit ICouncil.ContractInstalled(Directory.ACCESS_GATEWAY, address(target), previous);
        emit IAuditLog.WriterRetired(previous);
        emit IAuditLog.WriterAdmitted(address(target));
        emit IConsentRegistry.GatewayAdmitted(address(target), previous);
        _assertTold(told);
        vm.assertEq(consents.gateway(), address(target));
        vm.assertTrue(!log.isWriter(previous) && log.isWriter(address(target)));
    }

    function test_install__role_that_does_not_write__gives_no_right_to_write() public {
        council = _youngCouncil();
        bytes32[3] memory roles = [Directory.AUDIT_LOG, Directory.PARTICIPANT_REGISTRY, bytes32("other role")];
        for (uint256 i = 0; i < roles.length; ++i) {
            address first = address(new AuditLog(address(council)));
            vm.recordLogs();
            _install(roles[i], first);
            Vm.Log[] memory told = _told();

            emit ICouncil.ContractInstalled(roles[i], first, address(0));
            _assertTold(told);
        }
    }

    /// What others rest on is installed once.
    function test_install__contract_that_keeps_state__is_never_replaced() public {
        bytes32[5] memory roles = [
            Directory.AUDIT_LOG,
            Directory.PARTICIPANT_REGISTRY,
            Directory.SUBJECT_REGISTRY,
            Directory.RECORD_REGISTRY,
            Directory.CONSENT_REGISTRY
        ];
        for (uint256 i = 0; i < roles.length; ++i) {
            address present = council.contractOf(roles[i]);
            vm.prank(address(council));
            vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilStateKept.selector, roles[i], present));
            council.install(roles[i], address(target));
            vm.assertEq(council.tenureCount(roles[i]), 1);
        }
    }

    function test_directory__of_a_new_system__names_its_contracts() public view {
        vm.assertTrue(council.isActive(keccak256("salus.role.AuditLog"), address(log)));
        vm.assertTrue(council.isActive(keccak256("salus.role.ParticipantRegistry"), address(participants)));
        vm.assertTrue(council.isActive(keccak256("salus.role.SubjectRegistry"), address(subjects)));
        vm.assertTrue(council.isActive(keccak256("salus.role.RecordRegistry"), address(records)));
        vm.assertTrue(council.isActive(keccak256("salus.role.ConsentRegistry"), address(consents)));
        vm.assertTrue(council.isActive(keccak256("salus.role.AccessGateway"), address(gateway)));
    }

    /* REFUSALS */

    function test_install__not_by_itself__is_refused() public {
        address[2] memory callers = [stranger.account, members[0].account];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilOnlyItself.selector, callers[i]));
            council.install("role", address(target));
        }
    }

    function test_install__without_code__is_refused() public {
        _expectInvalid("role", stranger.account);
        council.install("role", stranger.account);
        _expectInvalid("role", address(0));
        council.install("role", address(0));
    }

    function test_install__present_contract__is_refused() public {
        _expectInvalid(Directory.ACCESS_GATEWAY, address(gateway));
        council.install(Directory.ACCESS_GATEWAY, address(gateway));
    }

    function test_install__writer_before_the_log__is_refused() public {
        Council young = _youngCouncil();
        bytes32[4] memory roles = [
            Directory.SUBJECT_REGISTRY, Directory.RECORD_REGISTRY, Directory.CONSENT_REGISTRY, Directory.ACCESS_GATEWAY
        ];
        for (uint256 i = 0; i < roles.length; ++i) {
            vm.prank(address(young));
            vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilAuditLogMissing.selector, roles[i]));
            young.install(roles[i], address(target));
        }
        vm.prank(address(young));
        young.install(Directory.PARTICIPANT_REGISTRY, address(target));
    }

    function test_install__gateway_before_the_consents__is_refused() public {
        Council young = _youngCouncil();
        Accepting accepting = new Accepting();
        vm.startPrank(address(young));
        young.install(Directory.AUDIT_LOG, address(accepting));
        vm.expectRevert(
            abi.encodeWithSelector(ICouncil.CouncilInvalidContract.selector, Directory.CONSENT_REGISTRY, address(0))
        );
        young.install(Directory.ACCESS_GATEWAY, address(target));
        vm.stopPrank();
    }

    function _youngCouncil() private returns (Council) {
        address[] memory accounts = new address[](2);
        (accounts[0], accounts[1]) = (members[0].account, members[1].account);
        return new Council(accounts, 2, 0);
    }

    function _install(bytes32 role, address account) private {
        vm.prank(address(council));
        council.install(role, account);
    }

    function _assertTenure(bytes32 role, uint256 index, address account, uint48 from, uint48 until) private view {
        Tenure memory tenure = council.tenureAt(role, index);
        vm.assertEq(tenure.account, account, "account");
        vm.assertEq(tenure.fromBlock, from, "from block");
        vm.assertEq(tenure.untilBlock, until, "until block");
    }

    function _expectInvalid(bytes32 role, address account) private {
        vm.prank(address(council));
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilInvalidContract.selector, role, account));
    }
}

/// @notice Takes any call, as a log of another Council would.
contract Accepting {
    fallback() external {}
}
