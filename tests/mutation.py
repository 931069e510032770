"""Wrong answers by the hundred: the course's own answer with one small mistake in it.

`mutants` walks the syntax tree of a function and makes one change at a time: operands, arguments and
branches swapped, off by one, another comparison, a call, keyword or statement left out, min for max, a sign.
A check must refuse every one of them, unless the change makes no difference.
"""

from __future__ import annotations

import ast
import copy
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

OTHER = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.MatMult: ast.Mult,
    ast.Pow: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Div, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
TURNED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
PAIRS = (
    "min max", "argmin argmax", "amin amax", "minimum maximum", "sum mean", "any all", "zeros ones",
    "sorted list", "floor ceil", "bilinear nearest", "train eval", "median mean", "zeros_like ones_like",
    "round int",
)  # fmt: skip
NAMES = {a: b for pair in map(str.split, PAIRS) for a, b in (pair, pair[::-1])} | {"mean": "sum"}


@dataclass(frozen=True)
class Mutant:
    """A function with one mistake; `change` is the statement with it."""

    change: str
    function: Callable[..., Any]


def mutants(function: Callable[..., Any]) -> Iterator[Mutant]:
    """Every function that differs from this one by a single change, each change once."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    seen = {ast.unparse(tree)}
    for node in [each for each in ast.walk(tree) if each is not tree and each is not tree.body[0]]:
        for replacement in changes(node):
            twin = copy.deepcopy(tree, {id(node): replacement})  # a copy with the replacement in its place
            text = ast.unparse(twin)
            if text in seen:
                continue
            seen.add(text)
            try:
                mutant = _made(function, text)
            except SyntaxError:
                continue
            yield Mutant(_difference(ast.unparse(tree), text), mutant)


def edited(function: Callable[..., Any], *changes: str) -> Callable[..., Any]:
    """A known mistake: the function with a piece of its source replaced by the next text, once or more."""
    text = textwrap.dedent(inspect.getsource(function))
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {function.__name__}"
        text = text.replace(old, new)
    return _made(function, text)


def _made(function: Callable[..., Any], text: str) -> Callable[..., Any]:
    """The function of this source, among the names of the module of the other."""
    names = dict(vars(sys.modules[function.__module__]))
    exec(compile(text, "<mutant>", "exec"), names)
    return names[function.__name__]


def changes(node: ast.AST) -> Iterator[Any]:
    """What may stand in the place of a node."""
    match node:
        case ast.BinOp(left, op, right):
            if not isinstance(op, ast.Add | ast.Mult | ast.BitAnd | ast.BitOr):
                yield ast.BinOp(right, op, left)
            yield ast.BinOp(left, OTHER[type(op)](), right)
            yield left
            yield right
        case ast.Compare(left, [op], [right]):
            yield ast.Compare(left, [OTHER[type(op)]()], [right])
            if type(op) in TURNED:
                yield ast.Compare(left, [TURNED[type(op)]()], [right])
        case ast.BoolOp(op, values):
            yield ast.BoolOp(OTHER[type(op)](), values)
            yield from values
        case ast.UnaryOp(_, operand):
            yield operand
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.Constant(value):
            yield from map(ast.Constant, other_values(value))
        case ast.Call():
            yield from other_calls(node)
        case ast.Attribute(value, name, context) if name in NAMES and name not in ("round", "int"):
            yield ast.Attribute(value, NAMES[name], context)
        case ast.Name(name, context) if name in NAMES:
            yield ast.Name(NAMES[name], context)
        case ast.Slice(lower, upper, step):
            yield ast.Slice(lower and _next(lower), upper, step)
            yield ast.Slice(lower, upper and _next(upper), step)
            yield ast.Slice(None, upper, step)
            yield ast.Slice(lower, None, step)
        case ast.Subscript(value, _, ast.Load()):
            yield value
        case ast.Tuple([first, second, *rest], context):
            yield ast.Tuple([second, first, *rest], context)
        case ast.comprehension(target, source, [_, *ifs], is_async):
            yield ast.comprehension(target, source, ifs, is_async)
        case ast.Return(value) if value is not None:
            yield ast.Return(ast.UnaryOp(ast.USub(), value))
        case ast.Assign() | ast.AugAssign() | ast.Expr() | ast.If():
            yield ast.Pass()


def other_values(value: Any) -> list[Any]:
    """Constants near this one."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, float):
        return [2 * value, value / 2] if value else [1.0]
    return [NAMES[value]] if value in NAMES else []


def _next(number: ast.expr) -> ast.expr:
    return ast.BinOp(number, ast.Add(), ast.Constant(1))


def other_calls(node: ast.Call) -> Iterator[Any]:
    """A call without one of its keywords, with its first two arguments swapped, or left out."""
    for k in range(len(node.keywords)):
        yield ast.Call(node.func, node.args, node.keywords[:k] + node.keywords[k + 1 :])
    if len(node.args) > 1:
        yield ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
    match node.func:
        case ast.Attribute(value=ast.Name(id="torch" | "nn" | "math" | "measure")):
            pass
        case ast.Attribute(value=receiver):
            yield receiver
    if len(node.args) == 1:
        yield node.args[0]


def _difference(before: str, after: str) -> str:
    """The lines of `after` that are not in `before`, or what is missing."""
    old, new = before.splitlines(), after.splitlines()
    changed = [line.strip() for line, one in zip(new, old) if line != one] if len(old) == len(new) else []
    if changed == ["pass"]:
        return "without " + next(one.strip() for line, one in zip(new, old) if line != one)
    return " / ".join(changed) or "without " + " / ".join(line.strip() for line in old if line not in new)
