// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsentRegistry} from "../../../contracts/ConsentRegistry.sol";
import {ConsentHead} from "../../../contracts/types/Consent.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @notice A wallet that tries to grant another consent while it is asked about one.
contract Reentrant is IERC1271 {
    ConsentRegistry private immutable _consents;
    ConsentHead private _head;
    bytes32 private _scopeHash;

    constructor(ConsentRegistry consents) {
        _consents = consents;
    }

    function arm(ConsentHead calldata head, bytes32 scopeHash) external {
        _head = head;
        _scopeHash = scopeHash;
    }

    function isValidSignature(bytes32, bytes memory) external view returns (bytes4) {
        (bool success,) =
            address(_consents).staticcall(abi.encodeCall(ConsentRegistry.grant, (_head, _scopeHash, bytes(""))));
        return success ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

/// @notice A wallet that never answers.
contract Burner is IERC1271 {
    function isValidSignature(bytes32, bytes memory) external pure returns (bytes4) {
        while (true) {}
        return IERC1271.isValidSignature.selector;
    }
}

/// @notice A wallet that answers with a megabyte.
contract Bomb is IERC1271 {
    function isValidSignature(bytes32, bytes memory) external pure returns (bytes4) {
        bytes32 yes = IERC1271.isValidSignature.selector;
        assembly ("memory-safe") {
            mstore(0, yes)
            return(0, 1000000)
        }
    }
}
