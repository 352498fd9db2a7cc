import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))  # for the shared structures in water.py
# On tensors as small as those of the tests a second thread brings nothing, and stalls where other work runs beside.
torch.set_num_threads(1)

LONG = ("test_workflow.py", "test_slurm.py")


def pytest_collection_modifyitems(items):
    """Those that take as long as all others together come first, so that the others fill what they leave free.

    Workers keep this order with --no-loadscope-reorder.
    """
    items.sort(key=lambda item: item.path.name not in LONG)
