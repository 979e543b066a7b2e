// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessGateway} from "../../../contracts/AccessGateway.sol";
import {ConsentRegistry} from "../../../contracts/ConsentRegistry.sol";
import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {vm} from "../Vm.sol";
import {ConsentTest} from "./ConsentTest.sol";

contract AdmitGatewayTest is ConsentTest {
    function test_admitGateway__by_the_council__lets_it_consume_in_place_of_the_present_one() public {
        _expect(address(consents));
        emit IConsentRegistry.GatewayAdmitted(stranger.account, address(gateway));
        _listen();
        vm.prank(address(council));
        consents.admitGateway(stranger.account);

        _assertHeard();
        vm.assertEq(consents.gateway(), stranger.account);
        vm.prank(stranger.account);
        consents.consume(alice.account, "id", true);
        vm.prank(address(gateway));
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentRegistryNotGateway.selector, address(gateway)));
        consents.consume(alice.account, "id", true);
    }

    /// The Council installs a gateway and so admits it, in one vote.
    function test_admitGateway__second_gateway_installed__is_admitted() public {
        AccessGateway second = new AccessGateway(council);
        _voteLate(address(council), _installation(Directory.ACCESS_GATEWAY, address(second)).callData);

        vm.assertEq(consents.gateway(), address(second));
    }

    function testFuzz_admitGateway__by_anybody_else__is_refused(address caller) public {
        vm.assume(caller != address(council));
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentRegistryNotCouncil.selector, caller));
        consents.admitGateway(caller);
    }

    function test_admitGateway__by_a_member_or_the_gateway__is_refused() public {
        address[2] memory callers = [members[0].account, address(gateway)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentRegistryNotCouncil.selector, callers[i]));
            consents.admitGateway(stranger.account);
        }
    }

    /* CONSTRUCTION */

    function test_construction__with_contracts__keeps_them() public {
        ConsentRegistry made = new ConsentRegistry(council, log);

        vm.assertEq(address(made.council()), address(council));
        vm.assertEq(address(made.log()), address(log));
        vm.assertEq(made.gateway(), address(0));
    }

    function test_construction__without_a_contract__is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentRegistryZeroAddress.selector));
        new ConsentRegistry(ICouncil(address(0)), log);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentRegistryZeroAddress.selector));
        new ConsentRegistry(council, IAuditLog(address(0)));
    }

    /// Before any gateway is admitted nobody consumes, the zero address aside, which sends nothing on a chain.
    function test_construction__no_gateway_yet__refuses_to_consume() public {
        ConsentRegistry made = new ConsentRegistry(council, log);
        vm.prank(address(gateway));
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentRegistryNotGateway.selector, address(gateway)));
        made.consume(alice.account, "id", true);
    }
}
