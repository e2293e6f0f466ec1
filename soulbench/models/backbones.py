"""Frozen convolutional backbones of torchvision, and where their weights come from."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import torch
from safetensors.torch import load_file
from torch import nn

from soulbench.core.errors import UserError
from soulbench.core.seeds import derive_seed

#: Names in the configuration -> torchvision's.
ARCHITECTURES = {"vgg16": "vgg16", "vgg19": "vgg19", "alex": "alexnet", "squeeze": "squeezenet1_1"}


def torchvision_models() -> ModuleType:
    """Import torchvision, without PyTorch's compiler, and return its module of models.

    An operator that no backbone has imports the compiler (`torch._dynamo`): 3 seconds and 145 MiB a job. While
    torchvision is imported, an empty module stands in its place, which answers the one question that is asked: can the
    operator be compiled? Most jobs need no backbone, so this is called where one is built.
    """
    compiler = "torch._dynamo"
    if compiler not in sys.modules and "torchvision" not in sys.modules:
        package, utilities = ModuleType(compiler), ModuleType(f"{compiler}.utils")
        utilities.is_compile_supported = lambda device_type: False  # type: ignore[attr-defined]
        placed = {compiler: package, f"{compiler}.utils": utilities}
        sys.modules.update(placed)
        try:
            importlib.import_module("torchvision")
        except ImportError:  # another version asks for more: it gets the compiler
            pass
        finally:
            for name in placed:
                sys.modules.pop(name, None)
    return importlib.import_module("torchvision.models")


def convolutions(name: str, weights: str) -> nn.Sequential:
    """Return the frozen convolutional part of an architecture, in float32 and eval mode.

    Args:
        name: a key of `ARCHITECTURES`.
        weights: "imagenet" (downloaded and verified by torchvision), "seeded" (untrained, the same on every
            machine), or the path of a .safetensors or .pth file with torchvision's names, in any precision.

    Raises:
        UserError: there is no such file, it is not a plain dictionary of tensors, or the weights are of another
            architecture.
    """
    models = torchvision_models()

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(0, "trunk", name))
        backbone = models.get_model(ARCHITECTURES[name], weights=None).features
    if weights == "imagenet":
        pretrained = models.get_model_weights(ARCHITECTURES[name]).IMAGENET1K_V1
        _load(backbone, pretrained.get_state_dict(check_hash=True), pretrained.url)
    elif weights != "seeded":
        _load(backbone, read_weights(weights), weights)
    return backbone.float().eval().requires_grad_(False)


def read_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """Read a dictionary of tensors by name; code that the file may contain is never run.

    Raises:
        UserError: there is no such file, or it is not a dictionary of tensors.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such weights file; give a path, `imagenet` or `seeded`")
    try:
        if Path(path).suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each reader has its own exceptions for a broken file
        raise UserError(f"{path}: not a readable .safetensors or weights-only .pth file ({error})") from None


def _load(backbone: nn.Sequential, state: dict[str, torch.Tensor], source: str) -> None:
    prefix = "features."
    state = {
        key.removeprefix(prefix): value.float() for key, value in state.items() if key.startswith(prefix)
    }
    try:
        backbone.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{source}: weights of another architecture: {error}") from None
