"""Ices that are made already, and the settings that they were made with.

Only the standard library and PyYAML are imported here, because the Snakefile uses this module at parse time.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from icescope.errors import InputError

SETTINGS = "settings.yaml"  # in the folder of the ices


def check_prepared(amorphous: dict) -> None:
    """Refuse ices that were made with other settings than those of the run that is to take them.

    A folder without SETTINGS is taken as it is.

    Parameters
    ----------
    amorphous
        The configuration's block, checked by `config.check_config`.

    Raises
    ------
    InputError
        SETTINGS cannot be read, or a setting in it differs: one sentence on the first such key.
    """
    folder = amorphous["prepared"]
    path = Path(folder, SETTINGS)
    if not folder or not path.is_file():
        return
    try:
        made = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path} could not be read as YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(made, dict):
        raise InputError(f"{path} holds no settings; write those of the block amorphous there, or remove it.")
    wanted = dict(_settings(amorphous))
    for key, value in _settings(made):
        if wanted.get(key) != value:
            raise InputError(
                f"config: amorphous.{key} is {wanted.get(key)}, but the ices of {folder} were made with {value}; set"
                f" amorphous.prepared to '' to make ices anew, or amorphous.{key} back to {value}."
            )


def _settings(block: dict, path: str = "") -> Iterator[tuple[str, object]]:
    """Dotted key and value of every setting in a block."""
    for name, value in block.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
