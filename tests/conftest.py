"""One thread for all tests, and this folder on the path, so that every test can import ``networks``."""

import torch

torch.set_num_threads(1)
