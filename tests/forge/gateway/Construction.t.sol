// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessGateway} from "../../../contracts/AccessGateway.sol";
import {AuditLog} from "../../../contracts/AuditLog.sol";
import {ConsentRegistry} from "../../../contracts/ConsentRegistry.sol";
import {Council} from "../../../contracts/Council.sol";
import {ParticipantRegistry} from "../../../contracts/ParticipantRegistry.sol";
import {SubjectRegistry} from "../../../contracts/SubjectRegistry.sol";
import {IAccessGateway} from "../../../contracts/interfaces/IAccessGateway.sol";
import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {Call} from "../../../contracts/interfaces/ICouncil.sol";
import {Access} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {vm} from "../Vm.sol";
import {Consent, Words} from "../base/Words.sol";
import {GatewayTest} from "./GatewayTest.sol";

/// @notice A gateway reads the directory once, at its birth, and another can take its place.
contract ConstructionTest is GatewayTest {
    function test_construction__directory_complete__keeps_its_contracts() public view {
        vm.assertEq(address(gateway.participants()), address(participants));
        vm.assertEq(address(gateway.subjects()), address(subjects));
        vm.assertEq(address(gateway.consents()), address(consents));
        vm.assertEq(address(gateway.log()), address(log));
    }

    /// A contract that is missing in the directory is named.
    function test_construction__directory_incomplete__is_refused() public {
        bytes32[4] memory roles = [
            Directory.AUDIT_LOG, Directory.PARTICIPANT_REGISTRY, Directory.SUBJECT_REGISTRY, Directory.CONSENT_REGISTRY
        ];
        for (uint256 missing = 0; missing < roles.length; ++missing) {
            Council bare = _emptyCouncil();
            AuditLog bareLog = new AuditLog(address(bare));
            ParticipantRegistry bareParticipants = new ParticipantRegistry(bare);
            address[4] memory accounts = [
                address(bareLog),
                address(bareParticipants),
                address(new SubjectRegistry(bare, bareParticipants, bareLog, 0)),
                address(new ConsentRegistry(bare, bareLog))
            ];
            // Without the log the contracts that write it can't be installed either: it is the first to be missed then.
            for (uint256 i = 0; i < roles.length; ++i) {
                bool needsLog = i > 1 && missing == 0;
                if (i != missing && !needsLog) _install(bare, roles[i], accounts[i]);
            }
            bytes32 named = missing == 0 ? Directory.SUBJECT_REGISTRY : roles[missing];
            vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayMissingContract.selector, named));
            new AccessGateway(bare);
        }
    }

    /// The retired gateway can neither spend nor append nor charge; what it has recorded stays readable.
    function test_gateway__replaced__is_retired_and_readable() public {
        Consent memory consent = _granted(alice, hospital);
        (bytes32 accessId,) = _request(consent, hospital);
        uint256 word = gateway.slotOf(accessId);
        AccessGateway first = gateway;
        AccessGateway second = new AccessGateway(council);
        _voteLate(address(council), _installation(Directory.ACCESS_GATEWAY, address(second)).callData);

        vm.assertEq(first.slotOf(accessId), word);
        vm.prank(hospital.principal.account);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentRegistryNotGateway.selector, address(first)));
        first.request(Words.pack(consent), Words.pack(_access(hospital, _idOf(consent))));
        vm.prank(regulator.principal.account);
        vm.expectRevert(abi.encodeWithSelector(IAuditLog.AuditLogNotWriter.selector, address(first)));
        first.freeze(accessId, _keyOf(alice));
        bytes32 ref = _bind(hospital, "alice", alice);
        vm.expectRevert(abi.encodeWithSelector(IAuditLog.AuditLogNotWriter.selector, address(first)));
        _requestOwn(alice, _ownAccess(ref));

        gateway = second;
        vm.assertEq(_code(consent, hospital), Codes.GRANTED);
    }

    /// Anybody can ask for the ids: they are the digests that wallets sign.
    function testFuzz_idOf__and_consentIdOf__are_the_digests(Consent memory consent, Access memory access) public view {
        vm.assertEq(gateway.consentIdOf(Words.pack(consent)), _idOf(consent));
        vm.assertEq(gateway.idOf(Words.pack(access)), _idOf(access));
    }

    function _emptyCouncil() private returns (Council) {
        address[] memory two = new address[](2);
        (two[0], two[1]) = (members[0].account, members[1].account);
        return new Council(two, 2, 0);
    }

    function _install(Council bare, bytes32 role, address account) private {
        Call[] memory calls = new Call[](1);
        calls[0] = Call(address(bare), abi.encodeCall(Council.install, (role, account)));
        vm.prank(members[0].account);
        bytes32 proposalId = bare.propose(calls, 0);
        vm.startPrank(members[1].account);
        bare.approve(proposalId);
        bare.execute(calls, 0);
        vm.stopPrank();
    }
}
