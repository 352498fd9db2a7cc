"""Sentences for the faults of a configuration that its schema finds.

Only the standard library, PyYAML and jsonschema are imported here, because the Snakefile uses this module at
parse time.
"""

import math
from difflib import SequenceMatcher

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

SIMILAR = 0.6  # least ratio of difflib at which two names are taken for a slip of the pen
ORDER = ("additionalProperties", "required", "type")  # faults reported first; all others are values out of range


def _is_integer(_checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_checker: object, value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number}),
)


def rank(fault: ValidationError) -> tuple[int, str]:
    """Unknown keys first, for one often explains the others; then in the order of the paths."""
    kind = str(fault.validator)
    return (ORDER.index(kind) if kind in ORDER else len(ORDER), fault.json_path)


def sentence(fault: ValidationError, keys: dict[str, dict]) -> str:
    """What is wrong, and where; `keys` are the schemas of all keys by their dotted paths."""
    path = ".".join(str(part) for part in fault.absolute_path if isinstance(part, str))
    where = path + "".join(f"[{part}]" for part in fault.absolute_path if isinstance(part, int))
    if fault.validator == "additionalProperties":
        name = next(key for key in fault.instance if key not in fault.schema["properties"])
        return _unknown(f"{path}.{name}" if path else str(name), list(fault.schema["properties"]), list(keys))
    if fault.validator == "required":
        name = next(key for key in fault.validator_value if key not in fault.instance)
        full = f"{path}.{name}" if path else name
        return f"the key '{full}' is missing{_meaning(keys.get(full))}."
    if fault.validator == "type":
        found, hint = _found(fault.instance)
        unit = _unit(keys.get(path), " in") if fault.validator_value in ("number", "integer") else ""
        return f"{where or 'the file'} must be {_kind(fault.validator_value)}{unit}, not {found}{hint}."
    return f"{where} is {fault.instance!r}, but it must {_allowed(fault, _unit(keys.get(path)))}."


def _unknown(path: str, siblings: list[str], known: list[str]) -> str:
    if path in known:
        *groups, name = path.split(".")
        nested = "".join(f"{group}: {{" for group in groups) + f"{name}: ..." + "}" * len(groups)
        return f"unknown key '{path}'; write it nested in a file for --configfile: {nested}."
    parent, _, name = path.rpartition(".")
    near = [f"{parent}.{sibling}" if parent else sibling for sibling in siblings]
    for candidates in (near, known):
        best = max(candidates, key=lambda candidate: _likeness(name, candidate))
        if _likeness(name, best) >= SIMILAR:
            return f"unknown key '{path}'; did you mean '{best}'?"
    return f"unknown key '{path}'; {parent or 'the top level'} takes {', '.join(siblings)}."


def _likeness(name: str, path: str) -> float:
    return SequenceMatcher(None, name.lower()[:100], path.rpartition(".")[2].lower()).ratio()


def _meaning(leaf: dict | None) -> str:
    return f" ({leaf['description'].split(';')[0].rstrip('.')}{_unit(leaf, ', in')})" if leaf else ""


def _unit(leaf: dict | None, before: str = "") -> str:
    return f"{before} {leaf['unit']}" if leaf and leaf["unit"] not in ("1", "none") else ""


def _kind(name: str) -> str:
    return {
        "number": "a number",
        "integer": "a whole number",
        "string": "a text",
        "boolean": "true or false",
        "array": "a list",
        "object": "a group of keys",
    }[name]


def _found(value: object) -> tuple[str, str]:
    """Say what stands there instead, and help with YAML's traps."""
    if isinstance(value, str):
        found = f"the text {value!r}"
        try:
            if isinstance(yaml.safe_load(value), int | float):
                return (
                    found,
                    " (quoted, or nested in --config, a number is text: write it plainly in a file for --configfile)",
                )
            return found, f" (YAML needs a decimal point: write {float(value)!r})"
        except (ValueError, yaml.YAMLError):
            return found, ""
    if value is None:
        return "empty", ""
    if isinstance(value, dict):
        return "a group of keys", ""
    return repr(value), ""


def _allowed(fault: ValidationError, unit: str) -> str:
    schema, kind = fault.schema, fault.validator
    if kind == "enum":
        return "be one of " + ", ".join(map(str, schema["enum"]))
    if kind in ("minItems", "maxItems"):
        least, most = schema["minItems"], schema.get("maxItems")
        return (
            f"have {least} values"
            if least == most
            else f"have at least {least} values" + (f" and at most {most}" if most else "")
        )
    if kind == "uniqueItems":
        return "name each value once"
    if kind == "pattern":
        return "start with a letter or digit and hold only letters, digits, dot, dash and underscore, 100 at most"
    if kind == "minLength":
        return "not be empty"
    low = f"above {schema['exclusiveMinimum']:g}" if "exclusiveMinimum" in schema else ""
    low = low or f"at least {schema['minimum']:g}"
    high = f"below {schema['exclusiveMaximum']:g}" if "exclusiveMaximum" in schema else ""
    high = high or f"at most {schema['maximum']:g}"
    return f"be {low} and {high}{unit}"
