"""The settings of a run: a dict of dicts that a person can write as JSON, in part or whole."""

import json
from pathlib import Path


def read_settings(path, defaults):
    """The settings in a JSON file; what it does not say is as in defaults, a dict of dicts.

    Raises FileNotFoundError when there is none, ValueError naming the file when it is not JSON, or
    as `with_settings` does.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no configuration {str(path)!r}: give a file like the "
                                f"config.json that `train` leaves in a run's folder")
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # what is no JSON or no UTF-8 is a ValueError
        raise ValueError(f"{path} is not JSON: {error}") from None
    try:
        return with_settings(defaults, given)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def with_settings(defaults, given, where="the configuration"):
    """defaults with the values of given, which may leave out any: a new dict of dicts.

    Raises ValueError for a key that defaults lack and for a value of another kind: a number stands
    for a number, a whole one for a whole one, a text for a text; any of them where None is. No
    number may be NaN, infinite or of 1e300 and more.
    """
    if not isinstance(given, dict):
        raise ValueError(f"{where} is {given!r}, expected an object with some of the keys "
                         f"{', '.join(defaults)}")
    if unknown := [key for key in given if key not in defaults]:
        raise ValueError(f"{where} has no key {unknown[0]!r}; there are {', '.join(defaults)}")
    merged = {}
    for key, default in defaults.items():
        value = given.get(key, default)
        if isinstance(default, dict):
            value = with_settings(default, given.get(key, {}), where=repr(key))
        elif not _fits(value, default):
            raise ValueError(f"{key!r} is {value!r}, expected a value like {default!r}")
        merged[key] = value
    return merged


def _fits(value, default):
    if value is None or default is None:
        return default is None and isinstance(value, (int, float, str, type(None)))
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(value, (int, float)) and not abs(value) < 1e300:
        return False
    return isinstance(value, (int, float) if isinstance(default, float) else type(default))


def write_settings(path, settings):
    """Write settings as JSON that read_settings reads."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8", newline="\n")
