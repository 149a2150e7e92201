"""Reading ``config.toml`` and the environment, once, with all problems named together.

Environment variables override the file: ``NEWSLETTER_SMTP__PASSWORD`` is ``password`` in ``[smtp]``. Relative paths are
relative to the folder of ``config.toml``.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, SettingsError

from newsletter.config import Config
from newsletter.errors import ConfigError

ENV_PREFIX = "NEWSLETTER_"
#: Environment variables with our prefix that are not config keys.
ENV_NOT_KEYS = frozenset({"NEWSLETTER_CONFIG"})

#: How the library's complaints are told, by the beginning of their kind; the first that fits counts.
_WORDS = {
    "tuple_": 'must be a list, like ["..."]',
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "int_": "must be a whole number",
    "float_": "must be a number",
    "finite_number": "must be a number",
    "bool_": "must be true or false",
    "time_": 'must be a time of day, like "06:00"',
    "date_": 'must be a day, like "2026-08-21"',
    "path_type": "must be a path in quotation marks",
    "string_type": "must be text in quotation marks",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} item",
    "model_": "must be a table, under a line in square brackets",
    "dict_": "must be a table, under a line in square brackets",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}

S = TypeVar("S", bound=BaseModel)


class _Variables(BaseSettings, Config):
    """The same keys, as the library wants them for reading the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")


def load(path: Path, *, environ: Mapping[str, str] | None = None) -> Config:
    """Read ``path`` and the environment.

    Args:
        path: a TOML file.
        environ: the environment to read; the process's own if None.

    Raises:
        ConfigError: the file is missing or broken, or holds values that cannot be used; all problems are named together.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(str(path), ["no such file; 'newsletter init' writes one to start from"]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [f"cannot be read ({error}); check the file and its rights"]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), [f"not valid TOML: {error}"]) from error
    environ = os.environ if environ is None else environ
    problems = list(_unknown_variables(environ))
    try:
        config = Config(**_merged(values, _from_environment(environ)))
    except SettingsError as error:
        problems.append(f"environment: {error}; write lists and tables as JSON")
    except ValidationError as error:
        problems += [_in_words(detail) for detail in error.errors()]
    if problems:
        raise ConfigError(str(path), problems)
    return _with_absolute_paths(config, path.resolve().parent)


def secret_from_file(path: Path, key: str) -> SecretStr:
    """Return the first line of ``path``.

    Raises:
        ConfigError: the file is missing, unreadable or empty.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [f"{key}: cannot be read ({error}); check the path and its rights"]) from error
    if not lines or not lines[0].strip():
        raise ConfigError(str(path), [f"{key}: the file is empty; write the secret on its first line"])
    return SecretStr(lines[0].strip())


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    source = EnvSettingsSource(_Variables, env_prefix=ENV_PREFIX, env_nested_delimiter="__")
    source.env_vars = {name.lower(): value for name, value in environ.items()}
    return source()


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        there = both.get(key)
        both[key] = _merged(there, value) if isinstance(there, dict) and isinstance(value, Mapping) else value
    return both


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX) or name in ENV_NOT_KEYS:
            continue
        section = name.removeprefix(ENV_PREFIX).split("__")[0].lower()
        if section not in Config.model_fields:
            yield f"environment variable {name}: no such key{_nearest(section, list(Config.model_fields))}"


def _in_words(detail: Any) -> str:
    place = [str(part) for part in detail["loc"] if part != "[key]"]
    key = ".".join(place) or "config"
    if detail["type"] == "extra_forbidden":
        return f"{key}: no such key{_nearest(place[-1], _keys_beside(place))}"
    if detail["type"] == "value_error":
        # What is wrong between sections names its keys itself.
        return f"{key}: {detail['ctx']['error']}" if place else str(detail["ctx"]["error"])
    if detail["type"] == "string_pattern_mismatch":
        return f"{key}: {_shape(place[-1], detail['ctx']['pattern'])}"
    for kind, words in _WORDS.items():
        if detail["type"].startswith(kind):
            figures = {name: _plain(value) for name, value in detail.get("ctx", {}).items()}
            return f"{key}: {words.format(**figures)}"
    return f"{key}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _shape(key: str, pattern: str) -> str:
    if key == "language":
        return "must be a language, like en or pt_BR"
    letters = "letters" if re.search(pattern, "A") else "small letters"
    signs = [sign for sign in "-_." if re.search(pattern, f"a{sign}a")]
    *first, last = [letters, "digits", *signs]
    start = "a letter or digit" if re.search(pattern, "1") else "a letter"
    return f"a name has {', '.join(first)} and {last} only, and begins with {start}"


def _plain(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _keys_beside(place: list[str]) -> list[str]:
    model: type[BaseModel] = Config
    for part in place[:-1]:
        field = model.model_fields.get(part)
        if field is None:  # the name of one in a table of sections
            continue
        inner = get_args(field.annotation)[1] if get_origin(field.annotation) is dict else field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return list(model.model_fields)


def _nearest(wrong: str, known: list[str]) -> str:
    near = difflib.get_close_matches(wrong.lower(), known, 1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known here: {', '.join(sorted(known))}"


def _with_absolute_paths(config: Config, folder: Path) -> Config:
    url = config.database.url
    match = re.fullmatch(r"(sqlite(?:\+\w+)?):///(?!/)(.+)", url)
    if match and match[2] != ":memory:":
        url = f"{match[1]}:///{(folder / match[2]).as_posix()}"
    in_place = _in_folder(config, folder)
    return in_place.model_copy(update={"database": config.database.model_copy(update={"url": url})})


def _in_folder(section: S, folder: Path) -> S:
    """Return a section with every relative path in it, however deep, standing below ``folder``."""

    def moved(value: Any) -> Any:
        if isinstance(value, Path):
            return folder / value
        if isinstance(value, BaseModel):
            return _in_folder(value, folder)
        if isinstance(value, dict):
            return {name: moved(inner) for name, inner in value.items()}
        return value

    return section.model_copy(update={name: moved(getattr(section, name)) for name in type(section).model_fields})
