// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title EIP-712 domain and signatures
/// @notice A domain with version "1". Unlike OpenZeppelin's EIP712 it exposes no strings: the ABI of every contract holds
/// fixed-width values only.
abstract contract TypedData {
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant VERSION_HASH = keccak256("1");

    bytes32 private immutable _nameHash;
    bytes32 private immutable _separator;
    uint256 private immutable _chainId;

    constructor(bytes32 nameHash) {
        _nameHash = nameHash;
        _chainId = block.chainid;
        _separator = _buildSeparator(nameHash);
    }

    /// @notice EIP-712 domain separator on the present chain.
    function domainSeparator() public view virtual returns (bytes32) {
        return block.chainid == _chainId ? _separator : _buildSeparator(_nameHash);
    }

    /// @dev Digest a wallet signs for a struct hash.
    function _digest(bytes32 structHash) internal view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(domainSeparator(), structHash);
    }

    /// @dev Whether `signer` agrees to a digest: by being the sender when the signature is empty, by an ECDSA signature
    /// with low s, or as a contract by ERC-1271.
    function _isSigned(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        if (signer == address(0)) return false;
        if (signature.length == 0) return msg.sender == signer;

        // ECDSA first: asking an account for its code would cost a cold read that most signers do not need.
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecover(digest, signature);
        if (problem == ECDSA.RecoverError.NoError && recovered == signer) return true;
        return _agrees(signer, digest, signature);
    }

    /// @dev ERC-1271, reading one word of the answer: a wallet that answers with a megabyte must not use up the gas of whoever
    /// is asked after it.
    function _agrees(address wallet, bytes32 digest, bytes calldata signature) private view returns (bool agrees) {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 yes = IERC1271.isValidSignature.selector;
        assembly ("memory-safe") {
            mstore(0x00, 0)
            let success := staticcall(gas(), wallet, add(question, 0x20), mload(question), 0x00, 0x20)
            agrees := and(and(success, gt(returndatasize(), 0x1f)), eq(mload(0x00), yes))
        }
    }

    function _buildSeparator(bytes32 nameHash) private view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, nameHash, VERSION_HASH, block.chainid, address(this)));
    }
}
