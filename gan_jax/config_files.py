"""Config files: Python files with a `get_config(variant)`.

`config_flags` loads them too, but tells of their mistakes in many lines.
"""

from __future__ import annotations

import os
import re
import runpy
import traceback
from collections.abc import Callable

from ml_collections import ConfigDict

from gan_jax.config import nearest
from gan_jax.errors import UserError


def load_config(argv: list[str]) -> ConfigDict | None:
    """The config that a command line names, without overrides; None if it names none.

    Raises:
        UserError: there is no such file, or it fails; says in which line.
    """
    given = _config_argument(argv)
    if given is None:
        return None
    path, _, variant = given.partition(":")
    if not os.path.isfile(path):
        folder, name = os.path.split(path)
        there = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
        near = nearest(name, [file for file in there if file.endswith(".py")])
        raise UserError(f"there is no config file {path!r}{near}")
    try:
        functions = runpy.run_path(path)
        if "get_config" not in functions:
            raise UserError(f"{path} defines no get_config(variant)")
        get_config = functions["get_config"]
        config = get_config(variant) if variant else get_config()
    except UserError:
        raise
    except Exception as error:
        raise UserError(_mistake(path, error)) from error
    if not isinstance(config, ConfigDict):
        raise UserError(f"{path}: get_config must return a ConfigDict, of default_config()")
    if variant and _same_as_plain(config, get_config):
        known = re.findall(r'"(\w+)"', get_config.__doc__ or "")
        raise UserError(f"{path} has no variant {variant!r}{nearest(variant, known)}")
    return config


def _same_as_plain(config: ConfigDict, get_config: Callable[[str], ConfigDict]) -> bool:
    """Whether a variant changes nothing: most files take any text for one, so a slip."""
    try:
        return config.to_dict() == get_config("").to_dict()
    except Exception:  # a file may insist on a variant
        return False


def _config_argument(argv: list[str]) -> str | None:
    given = None
    for word, following in zip(argv, [*argv[1:], None], strict=True):
        name, equals, value = word.partition("=")
        if name in ("--config", "-config"):
            given = value if equals else following
    return given


def _mistake(path: str, error: Exception) -> str:
    """What is wrong in a config file, and where."""
    if isinstance(error, SyntaxError):
        return f"{path}, line {error.lineno}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == path]
    where = f"{path}, line {lines[-1]}" if lines else path
    # ConfigDict adds the values of all fields, and then the nearest name.
    text = str(error.args[0] if error.args else error)
    text = text[1:-1] if text[:1] == text[-1:] == "'" else text
    hint = re.search(r'Did you mean "[^?]*\?', text)
    text = " ".join(text.partition(" Other fields present: ")[0].split())
    hinted = f"{text} {hint[0]}" if hint else text
    return f"{where}: {type(error).__name__}: {hinted}"
