"""The documentation's Python is that of the package."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = sorted(
    {
        (f"{path.relative_to(ROOT)}", node.module, alias.name)
        for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        for block in re.findall(r"^```python\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("icescope")
        for alias in node.names
    }
)


def test_documentation_has_examples():
    assert len({path for path, _, _ in IMPORTS}) >= 3


@pytest.mark.parametrize(("path", "module", "name"), IMPORTS)
def test_what_an_example_imports_is_there(path, module, name):
    assert hasattr(import_module(module), name)
