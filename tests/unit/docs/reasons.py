"""The reasons in the code, found in its syntax: nothing is run, so a reason that no test reaches counts too."""

import ast
import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path

from tests.unit.docs.pages import ROOT

OPERATOR = ROOT / "operator"
WORKERS = ROOT / "workers"
WORD = re.compile(r"[A-Z][A-Za-z0-9]+")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Unknown(AssertionError):
    """A reason that is computed in a way that this module does not follow."""


@dataclass(frozen=True)
class Use:
    """An expression that says a reason, and the function that it stands in."""

    module: "Module"
    expression: ast.expr
    function: Function | None

    @property
    def source(self) -> str:
        """The expression as it is written."""
        return ast.unparse(self.expression)


@dataclass(frozen=True)
class Module:
    """One file of Python, `name` as it is imported."""

    name: str
    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax."""
        return ast.parse(self.path.read_text())

    def uses(self, callee: str, position: int | None, keyword: str | None = None) -> Iterator[Use]:
        """What each call of `callee` (its last name) gets as that argument."""
        for call, function in _calls(self.tree, None):
            if _last_name(call.func) != callee:
                continue
            if position is not None and len(call.args) > position:
                yield Use(self, call.args[position], function)
            else:
                yield from (Use(self, one.value, function) for one in call.keywords if one.arg and one.arg == keyword)


def modules(root: Path, package: str) -> list[Module]:
    """All modules of a package below a source root."""
    folder = root / package.replace(".", "/")
    paths = sorted(folder.rglob("*.py"))
    return [Module(".".join(path.relative_to(root).with_suffix("").parts), path) for path in paths]


def values(use: Use, known: Mapping[str, set[str]]) -> set[str]:
    """The words that an expression can be. `known` gives them for expressions that only a reader understands."""
    return _values(use, use.expression, known)


def _values(use: Use, node: ast.expr, known: Mapping[str, set[str]]) -> set[str]:
    text = ast.unparse(node)
    if text in known:
        return known[text]
    match node:
        case ast.Constant(value=str() as word):
            return {word} if word else set()
        case ast.Constant(value=None):
            return set()
        case ast.IfExp(body=body, orelse=orelse):
            return _values(use, body, known) | _values(use, orelse, known)
        case ast.BoolOp(values=options):
            return set().union(*(_values(use, option, known) for option in options))
        case ast.Call(func=ast.Name(id="str"), args=[inner]):
            return _values(use, inner, known)
        case ast.Attribute(value=ast.Name(id=name), attr=member):
            found = getattr(import_module(use.module.name), name, None)
            if isinstance(found, type) and issubclass(found, enum.Enum):
                return {str(found[member].value)}
        case ast.Name(id=name):
            assigned = _assigned(use.function, name)
            if assigned:
                return set().union(*(_values(use, one, known) for one in assigned))
            literal = _literal(use.function, name)
            if literal:
                return literal
            constant = getattr(import_module(use.module.name), name, None)
            if isinstance(constant, str):
                return {constant}
        case _:
            pass
    raise Unknown(
        f"{use.module.path.relative_to(ROOT)}:{node.lineno}: the reason `{text}` cannot be followed. Say in the "
        "test what it can be, or write it as a constant, an enum's member or a Literal."
    )


def _calls(node: ast.AST, function: Function | None) -> Iterator[tuple[ast.Call, Function | None]]:
    for child in ast.iter_child_nodes(node):
        inside = child if isinstance(child, Function) else function
        if isinstance(child, ast.Call):
            yield child, inside
        yield from _calls(child, inside)


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _assigned(function: Function | None, name: str) -> list[ast.expr]:
    """What a function assigns to a local name."""
    if function is None:
        return []
    return [
        statement.value
        for statement in ast.walk(function)
        if isinstance(statement, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
    ]


def _literal(function: Function | None, name: str) -> set[str]:
    """The words of a parameter that is annotated as a Literal."""
    if function is None:
        return set()
    for parameter in (*function.args.args, *function.args.kwonlyargs):
        annotation = parameter.annotation
        if (
            parameter.arg == name
            and isinstance(annotation, ast.Subscript)
            and _last_name(annotation.value) == "Literal"
        ):
            choices = (node.value for node in ast.walk(annotation.slice) if isinstance(node, ast.Constant))
            return {word for word in choices if isinstance(word, str)}
    return set()
