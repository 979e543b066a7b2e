// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CompactSignature} from "../../../contracts/interfaces/IAccessGateway.sol";
import {vm} from "../Vm.sol";

/// @notice A named person or machine with a key of its own.
struct Actor {
    string name;
    address account;
    uint256 key;
}

/// @notice A participant: its id, its roles and two of its operators; the first is also its principal.
struct Institution {
    string name;
    bytes32 id;
    uint16 roles;
    Actor principal;
    Actor second;
}

/// @dev The same name gives the same key in every test.
function actor(string memory name) returns (Actor memory made) {
    made.name = name;
    made.key = uint256(keccak256(abi.encode("salus test actor", name)));
    made.account = vm.addr(made.key);
    vm.label(made.account, name);
}

/// @dev 65 bytes r, s, v: what a wallet returns.
function sign(Actor memory signer, bytes32 digest) pure returns (bytes memory) {
    (uint8 v, bytes32 r, bytes32 s) = vm.sign(signer.key, digest);
    return abi.encodePacked(r, s, v);
}

/// @dev The same signature in 64 bytes (EIP-2098), as operators give it.
function seal(Actor memory signer, bytes32 digest) pure returns (CompactSignature memory) {
    (uint8 v, bytes32 r, bytes32 s) = vm.sign(signer.key, digest);
    return CompactSignature({r: r, vs: bytes32(uint256(s) | uint256(v - 27) << 255)});
}
