"""Finds in the AST what guards a function: which checks on the sender or on a signature it makes, and what they refuse.

The walk starts at an external function, goes through its modifiers and every internal function it calls, and follows
where `msg.sender`, recovered signers and what they were looked up to go. A *check* is a place where an identity is
asked for: a comparison with `msg.sender`, a mapping indexed by it, a view of another contract, a signature.
A *guard* is a place that reverts or refuses, if what leads to it asks for an identity: all conditions around it, those
of the loops and modifiers too, and that no `return`, `continue` or `break` before it was taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tools.solidity_ast import Node, Sources, bracketed, nodes

_OPPOSITES = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_CHANGES_ITS_OPERAND = frozenset({"++", "--", "delete"})
_ASSERTIONS = frozenset({"require", "assert"})
SIGNATURE_CHECKS = frozenset({"_isSigned", "tryRecover", "recover", "isValidSignatureNow"})
_REFUSALS = "Refusal"
_SENDER = "msg.sender"


@dataclass(frozen=True)
class Guard:
    """Refuses when `condition` holds, with these errors or refusals; it is asked only where all of `given` hold."""

    condition: str
    refusals: tuple[str, ...]
    given: tuple[str, ...] = ()


@dataclass(frozen=True)
class Condition:
    """Something that holds at a place of the code, its opposite, and whether it depends on an identity."""

    text: str
    opposite: str
    identity: bool

    def turned(self) -> Condition:
        """The opposite."""
        return Condition(self.opposite, self.text, self.identity)


Path = tuple[Condition, ...]
"""What has to hold for the walk to come to a place."""


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
    """One call on the way: texts of names, names that carry an identity, what holds at the statement.

    `returns` and `leaps` are the ways that end before the end: out of the function, and out of one round of a loop.
    """

    bound: dict[int, str] = field(default_factory=dict)
    carriers: set[int] = field(default_factory=set)
    outer: Path = ()
    returns_identity: bool = False
    returns: list[Path] = field(default_factory=list)
    leaps: list[Path] = field(default_factory=list)


class Walk:
    """One walk from one external function."""

    def __init__(self, sources: Sources, function: Node) -> None:
        self.found = Found()
        self._sources = sources
        self._path: list[tuple[int, int]] = []
        self._inside: list[Callable[[Path], None]] = []
        frame = _Frame()
        self._enter(function, frame)
        for invocation in function["modifiers"]:
            if self._modifier_of(invocation) is not None:
                arguments = ", ".join(self._text(item, frame) for item in invocation.get("arguments") or [])
                name = invocation["modifierName"]["name"]
                self.found.modifiers.append(f"{name}({arguments})" if arguments else name)

    # Statements

    def _enter(self, function: Node, frame: _Frame, passed: int = 0) -> None:
        """Walk a function through its modifiers, of which the first `passed` are behind."""
        invocations = function.get("modifiers", [])[passed:]
        if not invocations:
            self._body(function, frame)
            return
        modifier = self._modifier_of(invocations[0])
        if modifier is None:  # a base's constructor
            self._enter(function, frame, passed + 1)
            return

        def inside(outer: Path) -> None:
            around, frame.outer = frame.outer, outer
            self._enter(function, frame, passed + 1)
            frame.outer = around

        self._inside.append(inside)
        self._body(modifier, self._entered(modifier, invocations[0].get("arguments") or [], frame), function)
        self._inside.pop()

    def _modifier_of(self, invocation: Node) -> Node | None:
        found = self._sources.declaration(invocation["modifierName"]["referencedDeclaration"])
        return found if found is not None and found["nodeType"] == "ModifierDefinition" else None

    def _placeholder(self, _node: Node, frame: _Frame) -> None:
        inside = self._inside.pop()  # what it enters has its own
        inside(frame.outer)
        self._inside.append(inside)

    def _body(self, function: Node, frame: _Frame, modified: Node | None = None) -> None:
        step = (function["id"], (modified or function)["id"])
        if step not in self._path:  # a recursion adds nothing
            self._path.append(step)
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
        if not self._refuse(node.get("expression"), frame):
            frame.returns.append(frame.outer)

    def _leap(self, _node: Node, frame: _Frame) -> None:
        frame.leaps.append(frame.outer)

    def _revert(self, node: Node, frame: _Frame) -> None:
        call = node["errorCall"]
        given = [name for item in call["arguments"] for name in _refusal_names(item)]
        error = self._text(call["expression"], _Frame())
        self._guard(frame.outer, tuple(f"{error}({name})" for name in given) or (error,))

    def _expression(self, node: Node, frame: _Frame) -> None:
        self._look(node["expression"], frame)
        self._refuse(node["expression"], frame)

    def _loop(self, node: Node, frame: _Frame) -> None:
        self._statement(node.get("initializationExpression"), frame)
        changed = self._changed_in(node)
        frame.bound = _without(frame.bound, changed)  # what a round changes is its name, not its first value
        around, leaps = frame.outer, frame.leaps
        frame.leaps = []
        returned = len(frame.returns)
        if (asked := node.get("condition")) is not None:
            condition = self._condition(asked, frame)
            if node["nodeType"] != "DoWhileStatement":  # its first round comes unasked
                frame.outer = (*around, condition)
        self._statement(node["body"], frame)
        self._statement(node.get("loopExpression"), frame)
        frame.bound, frame.leaps = _without(frame.bound, changed), leaps
        frame.outer = _after(around, frame.returns[returned:])

    def _changed_in(self, node: Node) -> set[int]:
        """Locals that a loop assigns."""
        targets: list[Node | None] = []
        for inner in nodes(node):
            if inner["nodeType"] == "Assignment":
                left = inner["leftHandSide"]
                targets += left["components"] if left["nodeType"] == "TupleExpression" else [left]
            elif inner["nodeType"] == "UnaryOperation" and inner["operator"] in _CHANGES_ITS_OPERAND:
                targets.append(inner["subExpression"])
        return {found["id"] for target in targets if (found := self._local(_base(target))) is not None}

    def _local(self, node: Node | None) -> Node | None:
        """The declaration of a local variable or parameter that a name stands for."""
        declared = self._sources.declaration((node or {}).get("referencedDeclaration"))
        return None if declared is None or declared.get("stateVariable") else declared

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
        condition = self._condition(node["condition"], frame)
        around, before = frame.outer, frame.bound
        returned, leapt = len(frame.returns), len(frame.leaps)
        after: list[dict[int, str]] = []
        for branch, holds in ((node["trueBody"], condition), (node.get("falseBody"), condition.turned())):
            frame.outer, frame.bound = (*around, holds), dict(before)
            self._statement(branch, frame)
            after.append(frame.bound)
        # What a branch assigned is only perhaps so afterwards: the variable's own name is the truth then.
        frame.bound = {name: text for name, text in after[0].items() if after[1].get(name) == text}
        frame.outer = _after(around, [*frame.returns[returned:], *frame.leaps[leapt:]])

    def _condition(self, node: Node, frame: _Frame) -> Condition:
        identity = self._look(node, frame)
        return Condition(self._text(node, frame), self._opposite(node, frame), identity)

    def _opposite(self, node: Node, frame: _Frame) -> str:
        if node["nodeType"] == "TupleExpression" and len(node["components"]) == 1:
            return self._opposite(node["components"][0], frame)
        if node["nodeType"] == "UnaryOperation" and node["operator"] == "!":
            return self._text(node["subExpression"], frame)
        if node["nodeType"] == "BinaryOperation" and (turned := _OPPOSITES.get(node["operator"])):
            return f"{self._text(node['leftExpression'], frame)} {turned} {self._text(node['rightExpression'], frame)}"
        return _not(self._text(node, frame))

    def _guard(self, path: Path, refusals: tuple[str, ...]) -> None:
        """Note a place that refuses, if an identity is asked for on the way to it."""
        if not any(condition.identity for condition in path):
            return
        last = path[-1].text
        given = dict.fromkeys(condition.text for condition in path if condition.text != last)
        guard = Guard(last, refusals, tuple(given))
        if guard not in self.found.guards:
            self.found.guards.append(guard)

    def _refuse(self, node: Node | None, frame: _Frame) -> bool:
        """Note the refusals that are the value of an expression, or are assigned by it; whether there are any."""
        if node is not None and node["nodeType"] == "Assignment":
            return self._refuse(node["rightHandSide"], frame)
        if node is not None and node["nodeType"] == "Conditional":
            around, condition = frame.outer, self._condition(node["condition"], frame)
            refused = False
            for part, holds in (("trueExpression", condition), ("falseExpression", condition.turned())):
                frame.outer = (*around, holds)
                refused |= self._refuse(node[part], frame)
            frame.outer = around
            return refused
        names = tuple(dict.fromkeys(f"Refusal.{name}" for name in _refusal_names(node)))
        if names:
            self._guard(frame.outer, names)
        return bool(names)

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
        if node["operator"] in {"&&", "||"}:  # the right side is looked at only if the left one leaves it open
            first = self._condition(left, frame)
            held = first if node["operator"] == "&&" else first.turned()
            return first.identity | self._where(held, right, frame)
        carries = self._all((left, right), frame)
        if node["operator"] in {"==", "!="} and (self._is_sender(left, frame) or self._is_sender(right, frame)):
            self.found.check(f"msg.sender == {self._text(right if self._is_sender(left, frame) else left, frame)}")
        return carries

    def _conditional(self, node: Node, frame: _Frame) -> bool:
        if self._is_sender(node["trueExpression"], frame) or self._is_sender(node["falseExpression"], frame):
            self.found.check(self._text(node, frame))
        asked = self._condition(node["condition"], frame)
        carries = self._where(asked, node["trueExpression"], frame)
        return asked.identity | carries | self._where(asked.turned(), node["falseExpression"], frame)

    def _where(self, holds: Condition, node: Node, frame: _Frame) -> bool:
        around, frame.outer = frame.outer, (*frame.outer, holds)
        carries = self._look(node, frame)
        frame.outer = around
        return carries

    def _unary(self, node: Node, frame: _Frame) -> bool:
        carries = self._look(node["subExpression"], frame)
        if node["operator"] in _CHANGES_ITS_OPERAND and (changed := self._local(_base(node["subExpression"]))):
            frame.bound.pop(changed["id"], None)
        return carries

    def _tuple(self, node: Node, frame: _Frame) -> bool:
        return self._all(node["components"], frame)

    def _assign(self, node: Node, frame: _Frame) -> bool:
        carries = self._look(node["rightHandSide"], frame)
        value = self._text(node["rightHandSide"], frame)
        left = node["leftHandSide"]
        targets = left["components"] if left["nodeType"] == "TupleExpression" else [left]
        for target in targets:
            base = _base(target)
            declared = self._local(base)
            if declared is None:
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
        if name in _ASSERTIONS and function is None:
            self._require(node, frame)
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
        self._enter(function, entered)
        return entered.returns_identity

    def _require(self, node: Node, frame: _Frame) -> None:
        asked, *reason = node["arguments"]
        error = self._text(reason[0].get("expression", reason[0]), _Frame()) if reason else node["expression"]["name"]
        self._guard((*frame.outer, self._condition(asked, frame).turned()), (error,))

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


_SILENT = frozenset({"EmitStatement", "InlineAssembly"})
_STATEMENTS: dict[str, Callable[[Walk, Node, _Frame], None]] = {
    "Block": Walk._block,
    "UncheckedBlock": Walk._block,
    "VariableDeclarationStatement": Walk._declare,
    "IfStatement": Walk._if,
    "Return": Walk._return,
    "RevertStatement": Walk._revert,
    "PlaceholderStatement": Walk._placeholder,
    "Break": Walk._leap,
    "Continue": Walk._leap,
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


def joined(conditions: Iterable[str]) -> str:
    """All of some conditions as one expression."""
    texts = tuple(conditions)
    return " && ".join(f"({one})" if " || " in one and len(texts) > 1 else one for one in texts)


def _not(text: str) -> str:
    return f"!{bracketed(text)}"


def _after(around: Path, ended: Iterable[Path]) -> Path:
    """What holds after ways that began at `around` and ended early: none of them was taken."""
    left: list[Condition] = []
    for path in ended:
        beyond = path[len(around) :]
        if len(beyond) == 1:
            left.append(beyond[0].turned())
        elif beyond:
            text = joined(condition.text for condition in beyond)
            left.append(Condition(_not(text), text, any(condition.identity for condition in beyond)))
    return (*around, *left)


def _without(bound: dict[int, str], names: set[int]) -> dict[int, str]:
    return {name: text for name, text in bound.items() if name not in names}


def _base(node: Node | None) -> Node | None:
    """The name that a member or an element is reached from."""
    while node is not None and node["nodeType"] in {"MemberAccess", "IndexAccess"}:
        node = node.get("expression") or node.get("baseExpression")
    return node


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
