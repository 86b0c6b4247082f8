"""Finds the application that `module:name` or `module:factory()` means."""

import ast
import importlib
import importlib.util
import os
import sys
from typing import Any, Callable


class NoApplication(Exception):
    """Says what is wrong with the name of the application, in one line."""


def load(name: str, default: str = "application") -> Callable[..., Any]:
    """The application. What its module raises at import is not caught."""
    module_name, _, expression = name.partition(":")
    module = _import(module_name)
    text = expression or default
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        raise NoApplication(f"{name}: {text} is neither a name nor a call") from None
    call = tree if isinstance(tree, ast.Call) else None
    found = _attribute(module, call.func if call else tree, name)
    if call:
        try:
            arguments = [ast.literal_eval(one) for one in call.args]
            named = {one.arg: ast.literal_eval(one.value) for one in call.keywords if one.arg}
        except ValueError:
            raise NoApplication(f"{name}: the arguments of a factory are literals") from None
        found = found(*arguments, **named)
    if not callable(found):
        raise NoApplication(f"{name}: {text} is no application: it cannot be called")
    return found  # type: ignore[no-any-return]


def _import(name: str) -> Any:
    if not name or not all(part.isidentifier() for part in name.split(".")):
        raise NoApplication(f"{name or 'nothing'} is not the name of a module; write module:app, without .py")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A module that the application itself imports and that is missing has its own name, and its traceback.
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise
        raise NoApplication(f"there is no module {error.name} in {os.getcwd()} or on Python's path") from None


def _attribute(module: Any, tree: ast.expr, name: str) -> Any:
    parts = []
    while isinstance(tree, ast.Attribute):
        parts.append(tree.attr)
        tree = tree.value
    if not isinstance(tree, ast.Name):
        raise NoApplication(f"{name}: behind the colon stands a name, or a call of one")
    found = module
    for part in [tree.id, *reversed(parts)]:
        if not hasattr(found, part):
            raise NoApplication(f"{name}: {module.__name__} has no {part}")
        found = getattr(found, part)
    return found


def prepare_path(directory: str, more: str) -> None:
    """Goes to `directory` and puts it on the path, and `more` (separated by commas) before it."""
    if directory:
        os.chdir(directory)
    sys.path[:] = [os.getcwd()] + [one for one in sys.path if one not in ("", os.getcwd())]
    for one in reversed([part for part in more.split(",") if part]):
        sys.path.insert(0, os.path.abspath(one))
