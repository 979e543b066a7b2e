// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TypedData} from "../../../contracts/libraries/TypedData.sol";
import {vm} from "../Vm.sol";
import {Bomb} from "../attacks/Wallets.sol";
import {Actor, actor, sign} from "../base/Actors.sol";
import {Wallet} from "../consents/Wallet.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @notice A contract with a domain, opened up.
contract Domain is TypedData {
    constructor(string memory name) TypedData(keccak256(bytes(name))) {}

    function digestOf(bytes32 structHash) external view returns (bytes32) {
        return _digest(structHash);
    }

    function isSigned(address signer, bytes32 digest, bytes calldata signature) external view returns (bool) {
        return _isSigned(signer, digest, signature);
    }
}

/// @notice A wallet that agrees to everything, or answers with anything else.
contract Answer is IERC1271 {
    bytes32 private immutable _answer;

    constructor(bytes32 answer) {
        _answer = answer;
    }

    function isValidSignature(bytes32, bytes memory) external view returns (bytes4) {
        bytes32 answer = _answer;
        assembly ("memory-safe") {
            mstore(0, answer)
            return(0, 0x20)
        }
    }
}

/// @notice A wallet that answers with some bytes, or reverts with them.
contract Speaker {
    bytes private _answer;
    bool private immutable _reverts;

    constructor(bytes memory answer, bool reverts) {
        _answer = answer;
        _reverts = reverts;
    }

    fallback() external {
        bytes memory answer = _answer;
        bool reverts = _reverts;
        assembly ("memory-safe") {
            if reverts { revert(add(answer, 0x20), mload(answer)) }
            return(add(answer, 0x20), mload(answer))
        }
    }
}

contract TypedDataTest {
    Actor private _alice = actor("Alice");
    Actor private _bob = actor("Bob");
    Domain private _domain = new Domain("Salus Test");
    bytes32 private constant DIGEST = keccak256("digest");

    /* DOMAIN */

    function testFuzz_digest__on_any_chain__is_eip712(uint64 chainId, bytes32 structHash) public {
        vm.assume(chainId != 0);
        vm.assertEq(_domain.digestOf(structHash), _expectedDigest(address(_domain), structHash));
        // After a fork of the chain the domain follows the new id, and comes back with the old one.
        uint256 home = vm.getChainId();
        vm.chainId(chainId);
        vm.assertEq(_domain.digestOf(structHash), _expectedDigest(address(_domain), structHash));
        vm.chainId(home);
        vm.assertEq(_domain.digestOf(structHash), _expectedDigest(address(_domain), structHash));
    }

    function test_digest__of_another_name_or_contract__differs() public {
        Domain second = new Domain("Salus Test");
        Domain named = new Domain("Salus Other");
        vm.assertTrue(_domain.domainSeparator() != second.domainSeparator());
        vm.assertTrue(second.domainSeparator() != named.domainSeparator());
        vm.assertEq(second.digestOf("struct"), _expectedDigest(address(second), "struct"));
    }

    /* WHO SIGNED */

    function testFuzz_isSigned__by_its_key__holds(bytes32 digest) public view {
        vm.assertTrue(_domain.isSigned(_alice.account, digest, sign(_alice, digest)));
        vm.assertFalse(_domain.isSigned(_bob.account, digest, sign(_alice, digest)));
        vm.assertFalse(_domain.isSigned(_alice.account, keccak256(abi.encode(digest)), sign(_alice, digest)));
    }

    /// Any single bit changed makes it somebody else's or nobody's.
    function testFuzz_isSigned__a_bit_changed__fails(uint16 bit) public view {
        bytes memory signature = sign(_alice, DIGEST);
        uint256 place = bit % 520;
        signature[place / 8] ^= bytes1(uint8(1) << uint8(place % 8));
        vm.assertFalse(_domain.isSigned(_alice.account, DIGEST, signature));
    }

    function test_isSigned__empty__is_the_senders() public {
        vm.prank(_alice.account);
        vm.assertTrue(_domain.isSigned(_alice.account, DIGEST, ""));
        vm.prank(_bob.account);
        vm.assertFalse(_domain.isSigned(_alice.account, DIGEST, ""));
    }

    /// The zero address signs nothing: not by a signature that recovers to it, not as the sender.
    function test_isSigned__by_nobody__fails() public {
        vm.assertFalse(_domain.isSigned(address(0), DIGEST, new bytes(65)));
        vm.assertFalse(_domain.isSigned(address(0), DIGEST, new bytes(64)));
        vm.prank(address(0));
        vm.assertFalse(_domain.isSigned(address(0), DIGEST, ""));
    }

    /* WALLETS */

    function test_isSigned__by_a_wallets_owner__holds() public {
        address wallet = address(new Wallet(_alice.account));
        vm.assertTrue(_domain.isSigned(wallet, DIGEST, sign(_alice, DIGEST)));
        vm.assertFalse(_domain.isSigned(wallet, DIGEST, sign(_bob, DIGEST)));
        vm.assertFalse(_domain.isSigned(wallet, DIGEST, ""));
        vm.prank(wallet);
        vm.assertTrue(_domain.isSigned(wallet, DIGEST, ""));
    }

    /// A wallet takes signatures of any length, if it likes them.
    function testFuzz_isSigned__wallet_that_agrees__holds(bytes calldata signature) public {
        vm.assume(signature.length != 0);
        bytes32 yes = IERC1271.isValidSignature.selector;
        vm.assertTrue(_domain.isSigned(address(new Answer(yes)), DIGEST, signature));
    }

    function testFuzz_isSigned__wallet_that_answers_otherwise__fails(bytes32 answer) public {
        vm.assume(answer != IERC1271.isValidSignature.selector);
        vm.assertFalse(_domain.isSigned(address(new Answer(answer)), DIGEST, sign(_alice, DIGEST)));
        vm.assertFalse(_domain.isSigned(address(this), DIGEST, sign(_alice, DIGEST)));
    }

    /// One whole word is read, and no more is asked for: shorter answers and reverts are no agreement, longer ones are cut.
    function test_isSigned__wallet_answers_in_other_lengths__only_a_whole_word_holds() public {
        bytes32 yes = IERC1271.isValidSignature.selector;
        bytes memory signature = sign(_alice, DIGEST);
        vm.assertTrue(_domain.isSigned(_speaker(abi.encode(yes), false), DIGEST, signature));
        vm.assertTrue(_domain.isSigned(_speaker(abi.encode(yes, yes), false), DIGEST, signature));
        vm.assertFalse(_domain.isSigned(_speaker(abi.encode(yes), true), DIGEST, signature));
        vm.assertFalse(_domain.isSigned(_speaker(abi.encodePacked(bytes4(yes)), false), DIGEST, signature));
        vm.assertFalse(
            _domain.isSigned(_speaker(abi.encodePacked(bytes4(yes), new bytes(27)), false), DIGEST, signature)
        );
        vm.assertFalse(_domain.isSigned(_speaker("", false), DIGEST, signature));
        vm.assertFalse(_domain.isSigned(_speaker("", true), DIGEST, signature));
    }

    /// A wallet that answers with a megabyte costs whoever asks it no more than a call.
    function test_isSigned__wallet_answers_with_a_megabyte__is_cheap() public {
        bytes memory signature = sign(_alice, DIGEST);
        address loud = address(new Bomb());
        uint256 before = gasleft();
        vm.assertTrue(_domain.isSigned(loud, DIGEST, signature));
        // The wallet pays 2.2 million for its own memory; copying it would cost as much again.
        vm.assertTrue(before - gasleft() < 2_500_000);
    }

    function _speaker(bytes memory answer, bool reverts) private returns (address) {
        return address(new Speaker(answer, reverts));
    }

    function _expectedDigest(address contract_, bytes32 structHash) private view returns (bytes32) {
        bytes32 separator = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Salus Test"),
                keccak256("1"),
                vm.getChainId(),
                contract_
            )
        );
        return keccak256(abi.encodePacked(bytes2(0x1901), separator, structHash));
    }
}
