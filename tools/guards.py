"""Finds in the AST what guards a function: which checks on the sender or on a signature it makes, and what they refuse.

The walk starts at an external function, goes through its modifiers and every internal function it calls, and follows
where `msg.sender`, recovered signers and what they were looked up to go. A *check* is a place where an identity is
asked for: a comparison with `msg.sender`, a mapping indexed by it, a view of another contract, a signature.
A *guard* is a condition on one of these that reverts or refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tools.solidity_ast import Node, Sources, nodes

SIGNATURE_CHECKS = frozenset({"_isSigned", "tryRecover", "recover", "isValidSignatureNow"})
_REFUSALS = "Refusal"
_SENDER = "msg.sender"


@dataclass(frozen=True)
class Guard:
    """Refuses when `condition` holds, with these errors or refusals."""

    condition: str
    refusals: tuple[str, ...]


@dataclass
class Found:
    """What guards one function, in the order of execution."""

    modifiers: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)

    def check(self, text: str) -> None:
        """Note a check once."""
        if text not in self.checks:
            self.checks.append(text)


@dataclass
class _Frame:
    """One call on the way: texts of names, names that carry an identity, identity conditions around the statement."""

    bound: dict[int, str] = field(default_factory=dict)
    carriers: set[int] = field(default_factory=set)
    outer: tuple[str, ...] = ()
    returns_identity: bool = False


class Walk:
    """One walk from one external function."""

    def __init__(self, sources: Sources, function: Node) -> None:
        self.found = Found()
        self._sources = sources
        self._path: list[int] = []
        frame = _Frame()
        for invocation in function["modifiers"]:
            self._modifier(invocation, frame)
        self._body(function, frame)

    # Statements

    def _modifier(self, invocation: Node, frame: _Frame) -> None:
        modifier = self._sources.declaration(invocation["modifierName"]["referencedDeclaration"])
        if modifier is None or modifier["nodeType"] != "ModifierDefinition":
            return
        arguments = invocation.get("arguments") or []
        shown = f"({', '.join(self._text(item, frame) for item in arguments)})" if arguments else ""
        self.found.modifiers.append(modifier["name"] + shown)
        self._body(modifier, self._entered(modifier, arguments, frame))

    def _body(self, function: Node, frame: _Frame) -> None:
        if function["id"] not in self._path:  # a recursion adds nothing
            self._path.append(function["id"])
            self._statement(function["body"], frame)
            self._path.pop()
        results = function.get("returnParameters", {}).get("parameters", [])
        frame.returns_identity |= any(item["id"] in frame.carriers for item in results)

    def _statement(self, node: Node | None, frame: _Frame) -> None:
        if node is None or node["nodeType"] in _SILENT:
            return
        reader = _STATEMENTS.get(node["nodeType"])
        if reader is None:
            raise NotImplementedError(f"tools/guards.py does not know a {node['nodeType']}")
        reader(self, node, frame)

    def _block(self, node: Node, frame: _Frame) -> None:
        for inner in node["statements"]:
            self._statement(inner, frame)

    def _return(self, node: Node, frame: _Frame) -> None:
        frame.returns_identity |= self._look(node.get("expression"), frame)

    def _expression(self, node: Node, frame: _Frame) -> None:
        self._look(node["expression"], frame)

    def _loop(self, node: Node, frame: _Frame) -> None:
        before = dict(frame.bound)
        self._statement(node.get("initializationExpression"), frame)
        frame.bound = before  # a counter is its name, not its first value
        self._look(node.get("condition"), frame)
        self._statement(node["body"], frame)
        self._statement(node.get("loopExpression"), frame)

    def _declare(self, node: Node, frame: _Frame) -> None:
        value = node.get("initialValue")
        if value is None:
            return
        carries = self._look(value, frame)
        declared = [item for item in node["declarations"] if item is not None]
        if self._is_sender(value, frame):
            self.found.check(f"{declared[0]['name']} = msg.sender")
        elif len(node["declarations"]) == 1:
            frame.bound[declared[0]["id"]] = self._text(value, frame)
        elif value["nodeType"] == "TupleExpression":
            for item, part in zip(node["declarations"], value["components"], strict=True):
                if item is not None:
                    frame.bound[item["id"]] = self._text(part, frame)
        if carries:
            frame.carriers |= {item["id"] for item in declared}

    def _if(self, node: Node, frame: _Frame) -> None:
        identity = self._look(node["condition"], frame)
        condition = self._text(node["condition"], frame)
        for branch, shown in ((node["trueBody"], condition), (node.get("falseBody"), f"!({condition})")):
            around = frame.outer
            before = dict(frame.bound)
            if identity:
                frame.outer = (*around, shown)
                if refusals := self._refusals(branch):
                    self._guard(Guard(_joined(frame.outer), refusals))
            self._statement(branch, frame)
            frame.outer = around
            # What a branch assigned is only perhaps so afterwards: the variable's own name is the truth then.
            frame.bound = {name: text for name, text in before.items() if frame.bound.get(name) == text}

    def _guard(self, guard: Guard) -> None:
        if guard not in self.found.guards:
            self.found.guards.append(guard)

    def _refusals(self, branch: Node | None) -> tuple[str, ...]:
        """Errors and refusals of the statements that stand directly in a branch."""
        if branch is None:
            return ()
        statements = branch["statements"] if branch["nodeType"] == "Block" else [branch]
        names: list[str] = []
        for statement in statements:
            if statement["nodeType"] == "RevertStatement":
                call = statement["errorCall"]
                given = [name for item in call["arguments"] for name in _refusal_names(item)]
                error = self._text(call["expression"], _Frame())
                names += [f"{error}({name})" for name in given] or [error]
            elif statement["nodeType"] in {"Return", "ExpressionStatement"}:
                names += [f"Refusal.{name}" for name in _refusal_names(statement.get("expression"))]
        return tuple(dict.fromkeys(names))

    # Expressions

    def _look(self, node: Node | None, frame: _Frame) -> bool:
        """Note the checks in an expression; whether its value is or depends on an identity."""
        if node is None:
            return False
        reader = _EXPRESSIONS.get(node["nodeType"])
        return reader is not None and reader(self, node, frame)

    def _all(self, items: Iterable[Node | None], frame: _Frame) -> bool:
        return any([self._look(item, frame) for item in items])  # noqa: C419 - every item is looked at

    def _identifier(self, node: Node, frame: _Frame) -> bool:
        return node.get("referencedDeclaration") in frame.carriers

    def _member(self, node: Node, frame: _Frame) -> bool:
        return _names_sender(node) or self._look(node["expression"], frame)

    def _index(self, node: Node, frame: _Frame) -> bool:
        if self._is_sender(node.get("indexExpression"), frame):
            self.found.check(self._text(node, frame))
        return self._all((node["baseExpression"], node.get("indexExpression")), frame)

    def _operation(self, node: Node, frame: _Frame) -> bool:
        left, right = node["leftExpression"], node["rightExpression"]
        carries = self._all((left, right), frame)
        if node["operator"] in {"==", "!="} and (self._is_sender(left, frame) or self._is_sender(right, frame)):
            self.found.check(f"msg.sender == {self._text(right if self._is_sender(left, frame) else left, frame)}")
        return carries

    def _conditional(self, node: Node, frame: _Frame) -> bool:
        if self._is_sender(node["trueExpression"], frame) or self._is_sender(node["falseExpression"], frame):
            self.found.check(self._text(node, frame))
        return self._all((node["condition"], node["trueExpression"], node["falseExpression"]), frame)

    def _unary(self, node: Node, frame: _Frame) -> bool:
        return self._look(node["subExpression"], frame)

    def _tuple(self, node: Node, frame: _Frame) -> bool:
        return self._all(node["components"], frame)

    def _assign(self, node: Node, frame: _Frame) -> bool:
        carries = self._look(node["rightHandSide"], frame)
        value = self._text(node["rightHandSide"], frame)
        left = node["leftHandSide"]
        targets = left["components"] if left["nodeType"] == "TupleExpression" else [left]
        for target in targets:
            base = target
            while base is not None and base["nodeType"] in {"MemberAccess", "IndexAccess"}:
                base = base.get("expression") or base.get("baseExpression")
            declared = self._sources.declaration((base or {}).get("referencedDeclaration"))
            if declared is None or declared.get("stateVariable"):
                continue
            if carries:
                frame.carriers.add(declared["id"])
            frame.bound.pop(declared["id"], None)
            if base is target and len(targets) == 1 and node["operator"] == "=":
                frame.bound[declared["id"]] = value
        return carries

    def _call(self, node: Node, frame: _Frame) -> bool:
        callee, arguments = node["expression"], list(node["arguments"])
        carries = self._all(arguments, frame)
        if node["kind"] != "functionCall":
            return carries
        function = self._sources.declaration(callee.get("referencedDeclaration"))
        name = callee.get("memberName") or callee.get("name")
        if name in SIGNATURE_CHECKS:
            self.found.check(self._text(node, frame))
            return True
        if function is None or function["nodeType"] != "FunctionDefinition":
            return carries | self._look(callee.get("expression"), frame)
        base = callee.get("expression")
        if base is not None and str(base["typeDescriptions"].get("typeString", "")).startswith("contract "):
            asks = carries and function["stateMutability"] in {"view", "pure"}
            if asks:
                self.found.check(self._text(node, frame))
            return asks
        if not function.get("body"):
            return carries
        attached = base is not None and len(function["parameters"]["parameters"]) == len(arguments) + 1
        entered = self._entered(function, [base, *arguments] if attached else arguments, frame)
        self._body(function, entered)
        return entered.returns_identity

    def _entered(self, function: Node, arguments: list[Node], frame: _Frame) -> _Frame:
        inner = _Frame(outer=frame.outer)
        for parameter, argument in zip(function["parameters"]["parameters"], arguments, strict=True):
            inner.bound[parameter["id"]] = self._text(argument, frame)
            if any(
                _names_sender(node) or node.get("referencedDeclaration") in frame.carriers for node in nodes(argument)
            ):
                inner.carriers.add(parameter["id"])
        return inner

    def _is_sender(self, node: Node | None, frame: _Frame) -> bool:
        """Whether an expression is the sender, by itself or as a parameter that was given it."""
        return (
            node is not None
            and node["nodeType"] in {"MemberAccess", "Identifier"}
            and self._text(node, frame) == _SENDER
        )

    def _text(self, node: Node, frame: _Frame) -> str:
        return self._sources.text(node, frame.bound)


_SILENT = frozenset({"EmitStatement", "RevertStatement", "PlaceholderStatement", "InlineAssembly", "Break", "Continue"})
_STATEMENTS: dict[str, Callable[[Walk, Node, _Frame], None]] = {
    "Block": Walk._block,
    "UncheckedBlock": Walk._block,
    "VariableDeclarationStatement": Walk._declare,
    "IfStatement": Walk._if,
    "Return": Walk._return,
    "ForStatement": Walk._loop,
    "WhileStatement": Walk._loop,
    "DoWhileStatement": Walk._loop,
    "ExpressionStatement": Walk._expression,
}
_EXPRESSIONS: dict[str, Callable[[Walk, Node, _Frame], bool]] = {
    "Identifier": Walk._identifier,
    "MemberAccess": Walk._member,
    "IndexAccess": Walk._index,
    "BinaryOperation": Walk._operation,
    "Assignment": Walk._assign,
    "FunctionCall": Walk._call,
    "Conditional": Walk._conditional,
    "UnaryOperation": Walk._unary,
    "TupleExpression": Walk._tuple,
}


def _joined(conditions: tuple[str, ...]) -> str:
    return " && ".join(f"({one})" if " || " in one and len(conditions) > 1 else one for one in conditions)


def _names_sender(node: Node) -> bool:
    return bool(
        node["nodeType"] == "MemberAccess"
        and node["memberName"] == "sender"
        and node["expression"].get("name") == "msg"
    )


def _refusal_names(node: Node | None) -> list[str]:
    """Constants of the library Refusal that an expression names."""
    return [
        item["memberName"]
        for item in nodes(node)
        if item["nodeType"] == "MemberAccess"
        and item["expression"].get("name") == _REFUSALS
        and item["memberName"] != "NONE"
    ]
