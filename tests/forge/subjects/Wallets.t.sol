// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SubjectFreeze} from "../../../contracts/types/Subject.sol";
import {vm} from "../Vm.sol";
import {Actor} from "../base/Actors.sol";
import {SubjectTest} from "./SubjectTest.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @notice A contract account that answers whatever it is told to, or reverts with it.
contract Puppet {
    bytes private _answer;
    bool private _reverts;

    function tell(bytes calldata answer, bool reverts) external {
        (_answer, _reverts) = (answer, reverts);
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

/// @notice What counts as a contract account's agreement (ERC-1271): its magic value in one whole word, and nothing else.
contract WalletsTest is SubjectTest {
    bytes32 private constant YES = bytes32(IERC1271.isValidSignature.selector);
    Puppet private _puppet;

    function setUp() public override {
        super.setUp();
        _puppet = new Puppet();
        _puppet.tell(abi.encode(YES), false);
        _rotateTo(address(_puppet));
    }

    function test_wallet__answers_the_magic_word__agrees() public {
        _assertAgrees(abi.encode(YES), false, true);
        // More than a word is not read.
        _assertAgrees(bytes.concat(YES, new bytes(100_000)), false, true);
    }

    function test_wallet__answers_anything_else__does_not_agree() public {
        bytes[8] memory answers = [
            bytes(""),
            abi.encodePacked(bytes4(YES)),
            abi.encodePacked(bytes31(YES)),
            abi.encode(bytes32(0)),
            abi.encode(bytes4(0xffffffff)),
            abi.encode(uint256(1)),
            abi.encode(YES | bytes32(uint256(1))),
            abi.encode(uint256(uint32(bytes4(YES))))
        ];
        for (uint256 i = 0; i < answers.length; ++i) {
            _assertAgrees(answers[i], false, false);
        }
    }

    function test_wallet__reverts_with_the_magic_word__does_not_agree() public {
        _assertAgrees(abi.encode(YES), true, false);
    }

    /// It is asked about this digest and this signature.
    function test_wallet__is_asked__by_digest_and_signature() public {
        SubjectFreeze memory freeze = SubjectFreeze(ref, address(_puppet), true, _nonce(ref), NOW);
        vm.expectCall(address(_puppet), abi.encodeCall(IERC1271.isValidSignature, (_digestOf(freeze), hex"c0ffee")), 1);
        subjects.freeze(freeze, hex"c0ffee");
    }

    /// An empty signature is nobody's but the sender's: the account is not asked.
    function test_wallet__empty_signature__is_not_asked() public {
        SubjectFreeze memory freeze = SubjectFreeze(ref, address(_puppet), true, _nonce(ref), NOW);
        _expectInvalidSignature(ref, address(_puppet));
        subjects.freeze(freeze, "");
        vm.prank(address(_puppet));
        subjects.freeze(freeze, "");
        vm.assertTrue(subjects.isFrozen(ref));
    }

    function _rotateTo(address wallet) private {
        Actor memory next = Actor("Puppet", wallet, bob.key);
        _rotate(ref, alice, next);
    }

    function _assertAgrees(bytes memory answer, bool reverts, bool expected) private {
        _puppet.tell(answer, reverts);
        SubjectFreeze memory freeze = SubjectFreeze(ref, address(_puppet), !subjects.isFrozen(ref), _nonce(ref), NOW);
        if (!expected) _expectInvalidSignature(ref, address(_puppet));
        subjects.freeze(freeze, hex"c0ffee");
        if (expected) vm.assertEq(subjects.isFrozen(ref) ? 1 : 0, freeze.frozen ? 1 : 0);
    }
}
