// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Call, ICouncil} from "../contracts/interfaces/ICouncil.sol";

/// @dev The cheatcodes this script uses; forge-std is not on npm.
interface Vm {
    function readFile(string calldata path) external view returns (string memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonStringArray(string calldata json, string calldata key) external pure returns (string[] memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonUintArray(string calldata json, string calldata key) external pure returns (uint256[] memory);
    function toString(uint256 value) external pure returns (string memory);
    function deriveKey(string calldata mnemonic, uint32 index) external pure returns (uint256 privateKey);
    function broadcast(uint256 privateKey) external;
}

/// @title Deploys the plan with forge
/// @notice Creates the bytes of salus/artifacts/, so that `salus verify-deployment` accepts the result:
///   .venv/bin/python scripts/plan.py dev > .cache/plan.json
///   forge script scripts/Deploy.s.sol --rpc-url URL --broadcast --legacy --with-gas-price 0 --slow
contract Deploy {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    string private constant PLAN = ".cache/plan.json";

    error WrongChain(uint256 found, uint256 wanted);
    error NotCreated(string name);
    error UnknownContract(string name);

    event Deployed(string name, address account);

    mapping(string name => address account) private _accounts;

    /// @notice Walks the plan; an account without power deploys, the members' accounts vote.
    function run() external {
        string memory plan = VM.readFile(PLAN);
        uint256 wanted = VM.parseJsonUint(plan, ".chainId");
        if (block.chainid != wanted) revert WrongChain(block.chainid, wanted);
        for (uint256 i = 0;; ++i) {
            string memory step = string.concat(".steps[", VM.toString(i), "]");
            if (!VM.keyExistsJson(plan, step)) break;
            if (VM.keyExistsJson(plan, string.concat(step, ".contract"))) _create(plan, step);
            else _install(plan, step);
        }
    }

    function _create(string memory plan, string memory step) private {
        string memory name = VM.parseJsonString(plan, string.concat(step, ".contract"));
        bytes memory arguments = VM.parseJsonBytes(plan, string.concat(step, ".arguments"));
        for (uint256 i = 0;; ++i) {
            string memory place = string.concat(step, ".references[", VM.toString(i), "]");
            if (!VM.keyExistsJson(plan, place)) break;
            uint256 word = VM.parseJsonUint(plan, string.concat(place, ".word"));
            address account = _accountOf(VM.parseJsonString(plan, string.concat(place, ".contract")));
            // Safe: the plan counts whole words of `arguments`.
            assembly ("memory-safe") {
                mstore(add(add(arguments, 32), mul(word, 32)), account)
            }
        }
        string memory kept = VM.readFile(string.concat("salus/artifacts/", name, ".json"));
        bytes memory code = abi.encodePacked(VM.parseJsonBytes(kept, ".bytecode"), arguments);

        VM.broadcast(_key(plan, VM.parseJsonUint(plan, ".deployer")));
        address created;
        assembly ("memory-safe") {
            created := create(0, add(code, 32), mload(code))
        }
        if (created == address(0)) revert NotCreated(name);
        _accounts[name] = created;
        emit Deployed(name, created);
    }

    /// @dev Proposes, approves and executes one directory proposal.
    function _install(string memory plan, string memory step) private {
        string[] memory names = VM.parseJsonStringArray(plan, string.concat(step, ".install"));
        bytes32 salt = VM.parseJsonBytes32(plan, string.concat(step, ".salt"));
        uint256[] memory voters = VM.parseJsonUintArray(plan, ".voters");
        ICouncil council = ICouncil(_accountOf("Council"));
        Call[] memory calls = new Call[](names.length);
        for (uint256 i = 0; i < names.length; ++i) {
            bytes32 role = keccak256(abi.encodePacked("salus.role.", names[i]));
            calls[i] = Call(address(council), abi.encodeCall(ICouncil.install, (role, _accountOf(names[i]))));
        }

        bytes32 proposalId = council.idOf(calls, salt);
        VM.broadcast(_key(plan, voters[0]));
        council.propose(calls, salt);
        for (uint256 i = 1; i < voters.length; ++i) {
            VM.broadcast(_key(plan, voters[i]));
            council.approve(proposalId);
        }
        VM.broadcast(_key(plan, voters[0]));
        council.execute(calls, salt);
    }

    function _key(string memory plan, uint256 index) private pure returns (uint256) {
        // Safe cast: an index of a derivation path.
        return VM.deriveKey(VM.parseJsonString(plan, ".mnemonic"), uint32(index));
    }

    function _accountOf(string memory name) private view returns (address account) {
        account = _accounts[name];
        if (account == address(0)) revert UnknownContract(name);
    }
}
