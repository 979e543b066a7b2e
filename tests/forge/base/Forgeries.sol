// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {vm} from "../Vm.sol";
import {Actor, actor, sign} from "./Actors.sol";
import {Consortium} from "./Consortium.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A contract account: what its owner signs is its signature.
contract Wallet is IERC1271 {
    address private immutable _owner;

    constructor(address owner) {
        _owner = owner;
    }

    function isValidSignature(bytes32 digest, bytes memory signature) external view returns (bytes4) {
        (address signer,,) = ECDSA.tryRecover(digest, signature);
        return signer == _owner ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}

/// @notice Signatures that must not pass for a signer's agreement to a struct.
abstract contract Forgeries is Consortium {
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    /// @dev Of another person; 64 and 66 bytes; the twin with high s; v of 0 or 1; for another contract, name and chain; of
    /// the bare struct hash; of nobody.
    function _forgeries(Actor memory signer, address contract_, string memory name, bytes32 structHash)
        internal
        returns (bytes[] memory forged)
    {
        bytes32 digest = _typed(contract_, name, structHash);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(signer.key, digest);
        forged = new bytes[](10);
        forged[0] = sign(actor("Forger"), digest);
        forged[1] = abi.encodePacked(r, uint256(s) | uint256(v - 27) << 255);
        forged[2] = abi.encodePacked(r, s, v, uint8(0));
        forged[3] = abi.encodePacked(r, CURVE_ORDER - uint256(s), v == 27 ? uint8(28) : uint8(27));
        forged[4] = abi.encodePacked(r, s, v - 27);
        forged[5] = sign(signer, _typed(address(council), name, structHash));
        forged[6] = sign(signer, _typed(contract_, "Salus", structHash));
        uint256 here = vm.getChainId();
        vm.chainId(here + 1);
        forged[7] = sign(signer, _typed(contract_, name, structHash));
        vm.chainId(here);
        forged[8] = sign(signer, structHash);
        forged[9] = new bytes(65);
    }
}
