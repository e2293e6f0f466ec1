"""Package `lpips`, imported without what the distance does not need: PyTorch's compiler, and parts of SciPy.

A module of its own, because importing it takes seconds: it is imported where the distance is built, and by the fork
server for the jobs that build it.
"""

import importlib
import sys
from types import ModuleType

from soulbench.models.backbones import torchvision_models

torchvision_models()  # first: the package imports torchvision as it comes, and so the compiler
#: The package's trainer, which its distance does not use, imports SciPy's image processing.
sys.modules.setdefault("lpips.trainer", ModuleType("lpips.trainer"))
lpips = importlib.import_module("lpips")
