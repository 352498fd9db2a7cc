"""Engines whose program may be missing on this machine."""

import pytest

from icescope.errors import InputError
from icescope.md.engine import Engine
from icescope.md.engines import engine


def engine_here(name: str) -> Engine:
    """The engine of that name; the test is skipped where it is not installed."""
    try:
        return engine(name)
    except InputError as missing:
        pytest.skip(str(missing))
