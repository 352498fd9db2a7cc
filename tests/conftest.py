import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))  # for the shared structures in water.py
torch.set_num_threads(2)
