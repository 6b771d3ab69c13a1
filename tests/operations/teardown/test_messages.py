"""Every message of a teardown has its paragraph in docs/teardown.md, and every paragraph its message."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from environments.loading import ROOT

PAGE = ROOT / "docs" / "teardown.md"
MODULES = sorted((ROOT / "operations" / "teardown").glob("*.py"))
ERRORS = ("StepError", "InputError", "HeldError")
BLOCKERS = ("blockers", "_blockers", "_lost")
"""Functions that say why a plan cannot be run."""
ANYTHING = "…"


def shape(text: ast.expr) -> str:
    """A text with what varies as dots; empty for what is no text."""
    match text:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            parts = [shape(each) if isinstance(each, ast.Constant) else ANYTHING for each in values]
            return "".join(parts)
    return ""


def fixed(text: str) -> str:
    """A message without what only goes on varying at its end."""
    return re.sub(rf"({ANYTHING}[ ,;()]*)+$", ANYTHING, text).strip()


def messages(module: Path) -> Iterator[str]:
    tree = ast.parse(module.read_text())
    functions = {each.name: each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
    for node in ast.walk(tree):
        match node:
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name), args=[said])) if name in ERRORS:
                yield from _said(said, functions)
            case ast.FunctionDef(name=name) if name in BLOCKERS:
                yield from (found for each in ast.walk(node) if len((found := _text(each)).split()) > 3)


def _said(said: ast.expr, functions: dict[str, ast.FunctionDef]) -> Iterator[str]:
    """A message, or all that the function may return that makes it."""
    if text := shape(said):
        yield text
    for each in ast.walk(said):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name | ast.Attribute):
            name = each.func.id if isinstance(each.func, ast.Name) else each.func.attr
            returned = ast.walk(functions[name]) if name in functions else ()
            yield from (shape(one.value) for one in returned if isinstance(one, ast.Return) and one.value)


def _text(node: ast.AST) -> str:
    return shape(node) if isinstance(node, ast.JoinedStr) else ""


def in_code() -> set[str]:
    return {fixed(each) for module in MODULES for each in messages(module) if re.search(r"[a-z]", each)}


def on_the_page() -> set[str]:
    section = PAGE.read_text().partition("\n## Messages\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def test_there_are_messages() -> None:
    assert len(in_code()) > 20


def test_every_message_is_on_the_page() -> None:
    assert in_code() - on_the_page() == set()


def test_every_message_of_the_page_is_one() -> None:
    assert on_the_page() - in_code() == set()
