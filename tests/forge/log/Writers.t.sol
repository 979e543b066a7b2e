// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AuditLog} from "../../../contracts/AuditLog.sol";
import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {vm} from "../Vm.sol";
import {Witness} from "./Witness.sol";

/// @notice `admitWriter` and `retireWriter`, one the other's way back.
contract WritersTest is Witness {
    function testFuzz_admitWriter__by_the_council__lets_it_append(address writer) public {
        vm.assume(!log.isWriter(writer));
        _expect(address(log));
        emit IAuditLog.WriterAdmitted(writer);
        _listen();
        vm.prank(address(council));
        log.admitWriter(writer);

        _assertHeard();
        vm.assertTrue(log.isWriter(writer));
        vm.prank(writer);
        log.append("key", 1, 1, "reference");
    }

    function test_retireWriter__by_the_council__ends_its_right() public {
        _expect(address(log));
        emit IAuditLog.WriterRetired(address(gateway));
        _listen();
        vm.prank(address(council));
        log.retireWriter(address(gateway));

        _assertHeard();
        vm.assertFalse(log.isWriter(address(gateway)));
        vm.assertTrue(log.isWriter(address(records)));
        vm.prank(address(council));
        log.admitWriter(address(gateway));
        vm.assertTrue(log.isWriter(address(gateway)));
    }

    function test_admitWriter__twice__is_refused() public {
        vm.prank(address(council));
        vm.expectRevert(abi.encodeWithSelector(IAuditLog.AuditLogWriterUnchanged.selector, address(gateway), true));
        log.admitWriter(address(gateway));
    }

    function test_retireWriter__of_no_writer__is_refused() public {
        vm.prank(address(council));
        vm.expectRevert(abi.encodeWithSelector(IAuditLog.AuditLogWriterUnchanged.selector, stranger.account, false));
        log.retireWriter(stranger.account);
    }

    function testFuzz_admitWriter__by_anybody_else__is_refused(address caller) public {
        vm.assume(caller != address(council));
        _assertNotCouncil(caller);
    }

    function test_admitWriter__by_a_member_or_a_writer__is_refused() public {
        _assertNotCouncil(members[0].account);
        _assertNotCouncil(address(gateway));
        _assertNotCouncil(address(log));
        _assertNotCouncil(address(this));
    }

    function test_construction__without_a_council__is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IAuditLog.AuditLogNotCouncil.selector, address(0), address(0)));
        new AuditLog(address(0));
    }

    function test_construction__with_a_council__starts_empty() public {
        AuditLog made = new AuditLog(stranger.account);

        vm.assertEq(made.council(), stranger.account);
        (uint208 head, uint48 count) = made.globalChain();
        vm.assertTrue(head == 0 && count == 0);
        vm.assertFalse(made.isWriter(stranger.account));
    }

    function _assertNotCouncil(address caller) private {
        bytes memory refusal = abi.encodeWithSelector(IAuditLog.AuditLogNotCouncil.selector, caller, address(council));
        vm.prank(caller);
        vm.expectRevert(refusal);
        log.admitWriter(stranger.account);
        vm.prank(caller);
        vm.expectRevert(refusal);
        log.retireWriter(address(gateway));
    }
}
