// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AdmissionTerms,
    Application,
    IParticipantRegistry,
    ParticipantKeys
} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {ParticipantKind, ParticipantRole} from "../../../contracts/types/Participant.sol";
import {vm} from "../Vm.sol";
import {Actor, Institution, actor, sign} from "./Actors.sol";
import {Deployment} from "./Deployment.sol";

/// @notice Named institutions, admitted by the Council, two operators each, and one set of three custodians.
abstract contract Consortium is Deployment {
    uint64 internal constant ACCREDITED_UNTIL = NOW + 3 * 365 days;
    uint32 internal constant QUOTA = 100;

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant ACCEPTANCE_TYPEHASH =
        keccak256("OperatorAcceptance(bytes32 participantId,address operator,uint64 deadline)");

    Institution internal hospital;
    Institution internal clinic;
    Institution internal institute;
    Institution internal regulator;
    Institution internal east;
    Institution internal west;
    Institution internal north;
    /// Custodians east, west, north; two restore a key.
    uint32 internal setId;

    function setUp() public virtual override {
        super.setUp();
        uint16 care = ParticipantRole.SOURCE | ParticipantRole.CARE | ParticipantRole.EMERGENCY;
        hospital = _join("Hospital", ParticipantKind.HOSPITAL, care);
        clinic = _join("Clinic", ParticipantKind.PRIMARY_CARE, care);
        institute = _join("Institute", ParticipantKind.RESEARCH_INSTITUTE, ParticipantRole.RESEARCH);
        regulator = _join("Regulator", ParticipantKind.REGULATOR, ParticipantRole.SUPERVISE);
        east = _join("Custodian East", ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY);
        west = _join("Custodian West", ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY);
        north = _join("Custodian North", ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY);
        setId = _formSet(2);
    }

    /// @dev Applies, is admitted, and gets a second operator.
    function _join(string memory name, uint8 kind, uint16 roles) internal returns (Institution memory joined) {
        joined = _apply(name, kind);
        joined.roles = roles;
        _vote(address(participants), abi.encodeCall(IParticipantRegistry.admit, (joined.id, _terms(roles))));
        joined.second = _addOperator(joined, string.concat("Second of ", name));
    }

    function _apply(string memory name, uint8 kind) internal returns (Institution memory applicant) {
        applicant.name = name;
        applicant.principal = actor(string.concat("Principal of ", name));
        Application memory application = Application(kind, keccak256(bytes(name)), _keys(name), _fresh());
        vm.prank(applicant.principal.account);
        applicant.id = participants.applyToJoin(application);
    }

    /// @dev A named account becomes an operator, with its own signature.
    function _addOperator(Institution memory to, string memory name) internal returns (Actor memory operator) {
        operator = actor(name);
        uint64 deadline = _time() + 1 hours;
        bytes memory acceptance = sign(operator, _acceptanceDigest(to.id, operator.account, deadline));
        vm.prank(to.principal.account);
        participants.addOperator(to.id, operator.account, deadline, acceptance);
    }

    function _acceptanceDigest(bytes32 participantId, address operator, uint64 deadline)
        internal
        view
        returns (bytes32)
    {
        bytes32 structHash = keccak256(abi.encode(ACCEPTANCE_TYPEHASH, participantId, operator, deadline));
        return _typed(address(participants), "Salus ParticipantRegistry", structHash);
    }

    function _formSet(uint8 threshold) internal returns (uint32) {
        bytes32[] memory ids = new bytes32[](3);
        (ids[0], ids[1], ids[2]) = (east.id, west.id, north.id);
        _vote(address(participants), abi.encodeCall(IParticipantRegistry.formCustodianSet, (ids, threshold)));
        return participants.custodianSetCount();
    }

    function _suspend(Institution memory member) internal {
        _vote(address(participants), abi.encodeCall(IParticipantRegistry.suspend, (member.id)));
    }

    function _renew(Institution memory member, AdmissionTerms memory terms) internal {
        bytes memory callData = abi.encodeCall(
            IParticipantRegistry.renew, (member.id, terms, keccak256(bytes(member.name)), _keys(member.name))
        );
        _voteLate(address(participants), callData);
    }

    function _terms(uint16 roles) internal pure returns (AdmissionTerms memory) {
        return AdmissionTerms({roles: roles, accreditedUntil: ACCREDITED_UNTIL, hourlyQuota: QUOTA});
    }

    function _keys(string memory name) internal pure returns (ParticipantKeys memory) {
        return ParticipantKeys(keccak256(abi.encode("encryption", name)), 0, 0, address(0));
    }

    /// @dev EIP-712 digest for a contract of the system. Computed here, without a call, so that verbs of this base can follow an
    /// `expectRevert` or a `prank`.
    function _typed(address contract_, string memory name, bytes32 structHash) internal view returns (bytes32) {
        bytes32 separator =
            keccak256(abi.encode(DOMAIN_TYPEHASH, keccak256(bytes(name)), keccak256("1"), vm.getChainId(), contract_));
        return keccak256(abi.encodePacked("\x19\x01", separator, structHash));
    }
}
