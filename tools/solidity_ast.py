"""Reads the compiler's AST: declarations by id, and expressions as text with parameters and locals filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Node = dict[str, Any]
Bindings = Mapping[int, str]
"""Text that stands for a parameter or local variable, by the id of its declaration."""
_OURS, _MOCKS = "contracts/", "/mocks/"
_FIRST_ARGUMENT = frozenset({"_isSigned"})
"""Functions whose first argument says all a reader wants: who."""


def nodes(tree: Any) -> Iterator[Node]:
    """Every AST node below and including `tree`, in source order."""
    if isinstance(tree, list):
        for item in tree:
            yield from nodes(item)
    elif isinstance(tree, dict):
        if "nodeType" in tree:
            yield tree
        for value in tree.values():
            yield from nodes(value)


class Sources:
    """All compiled sources of one build."""

    def __init__(self, sources: Mapping[str, Node]) -> None:
        self._by_id: dict[int, Node] = {}
        self._contracts: dict[str, Node] = {}
        self._writers: dict[str, Callable[[Node, Bindings], str]] = {
            "Identifier": self._identifier,
            "Literal": self._literal,
            "MemberAccess": self._member_access,
            "IndexAccess": self._index_access,
            "IndexRangeAccess": self._index_range_access,
            "FunctionCall": self._function_call,
            "FunctionCallOptions": self._function_call_options,
            "NewExpression": self._new_expression,
            "ElementaryTypeNameExpression": self._elementary_type_name_expression,
            "BinaryOperation": self._binary_operation,
            "UnaryOperation": self._unary_operation,
            "TupleExpression": self._tuple_expression,
            "Conditional": self._conditional,
            "Assignment": self._assignment,
        }
        for path, source in sources.items():
            for node in nodes(source["ast"]):
                if "id" in node:  # Yul nodes have none
                    self._by_id[node["id"]] = node
                if node["nodeType"] == "ContractDefinition" and path.startswith(_OURS) and _MOCKS not in path:
                    self._contracts[node["name"]] = node

    def contract(self, name: str) -> Node:
        """A contract, interface or library of ours by name."""
        return self._contracts[name]

    def contracts(self) -> list[Node]:
        """Contracts and libraries of ours with code, by name; mocks are left out."""
        return [node for _, node in sorted(self._contracts.items()) if node["contractKind"] != "interface"]

    def declaration(self, reference: int | None) -> Node | None:
        """What an identifier refers to; None for built-ins such as `msg`."""
        return self._by_id.get(reference) if reference is not None and reference >= 0 else None

    def functions(self, contract: Node) -> list[Node]:
        """External and public functions with a body, its own before inherited ones, overridden ones left out."""
        found: dict[str, Node] = {}
        for base in contract["linearizedBaseContracts"]:
            for node in self._by_id[base]["nodes"]:
                if "functionSelector" in node and node["nodeType"] == "FunctionDefinition" and node.get("body"):
                    found.setdefault(node["functionSelector"], node)
        return list(found.values())

    def text(self, node: Node | None, bound: Bindings) -> str:
        """An expression as Solidity writes it, on one line, with `bound` names replaced."""
        if node is None:
            return ""
        try:
            writer = self._writers[node["nodeType"]]
        except KeyError:
            raise NotImplementedError(f"tools/solidity_ast.py can't write a {node['nodeType']} yet") from None
        return writer(node, bound)

    def _list(self, items: Sequence[Node | None], bound: Bindings) -> str:
        return ", ".join(self.text(item, bound) for item in items)

    def _identifier(self, node: Node, bound: Bindings) -> str:
        text = bound.get(node.get("referencedDeclaration", -1))
        return node["name"] if text is None else bracketed(text)

    def _literal(self, node: Node, _bound: Bindings) -> str:
        return f'"{node["value"]}"' if node["kind"] == "string" else str(node["value"])

    def _member_access(self, node: Node, bound: Bindings) -> str:
        return f"{self.text(node['expression'], bound)}.{node['memberName']}"

    def _index_access(self, node: Node, bound: Bindings) -> str:
        return f"{self.text(node['baseExpression'], bound)}[{self.text(node.get('indexExpression'), bound)}]"

    def _index_range_access(self, node: Node, bound: Bindings) -> str:
        start, end = self.text(node.get("startExpression"), bound), self.text(node.get("endExpression"), bound)
        return f"{self.text(node['baseExpression'], bound)}[{start}:{end}]"

    def _function_call(self, node: Node, bound: Bindings) -> str:
        shown, rest = node["arguments"], ""
        if node["expression"].get("name") in _FIRST_ARGUMENT:
            shown, rest = shown[:1], ", …"
        return f"{self.text(node['expression'], bound)}({self._list(shown, bound)}{rest})"

    def _function_call_options(self, node: Node, bound: Bindings) -> str:
        return self.text(node["expression"], bound)

    def _new_expression(self, node: Node, _bound: Bindings) -> str:
        return f"new {node['typeDescriptions'].get('typeString', '')}"

    def _elementary_type_name_expression(self, node: Node, _bound: Bindings) -> str:
        return str(node["typeName"]["name"])

    def _binary_operation(self, node: Node, bound: Bindings) -> str:
        left, right = (self.text(node[side], bound) for side in ("leftExpression", "rightExpression"))
        return f"{left} {node['operator']} {right}"

    def _unary_operation(self, node: Node, bound: Bindings) -> str:
        inner = self.text(node["subExpression"], bound)
        return f"{node['operator']}{inner}" if node["prefix"] else f"{inner}{node['operator']}"

    def _tuple_expression(self, node: Node, bound: Bindings) -> str:
        return f"({self._list(node['components'], bound)})"

    def _conditional(self, node: Node, bound: Bindings) -> str:
        parts = (self.text(node[part], bound) for part in ("condition", "trueExpression", "falseExpression"))
        return "({} ? {} : {})".format(*parts)

    def _assignment(self, node: Node, bound: Bindings) -> str:
        return f"{self.text(node['leftHandSide'], {})} {node['operator']} {self.text(node['rightHandSide'], bound)}"


def bracketed(text: str) -> str:
    """An operation in brackets, so that it stays one operand where a name stood."""
    depth = 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == " " and depth == 0:
            return f"({text})"
    return text
