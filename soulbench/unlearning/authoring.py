"""For the author of a method: a template to begin with, and the contract on the author's own file."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from soulbench.core import registry
from soulbench.core.errors import UserError
from soulbench.core.plugins import ID, found

#: Templates by level: what the file says below its docstring.
TEMPLATES = ("plan", "training", "one-shot")
FOLDER = Path(__file__).with_name("templates")


def new_method(name: str, template: str, path: Path) -> Iterator[str]:
    """Write a method's file that passes the contract as it is; yield what to do next.

    Args:
        name: the method's id.
        template: one of `TEMPLATES`.
        path: the folder to write to.

    Raises:
        UserError: the name is no id or is taken, the file is there, or the folder is not.
    """
    if ID.fullmatch(name) is None:
        raise UserError(
            f"{name}: a method's name is made of lower-case letters, digits and single dashes: my-method"
        )
    if name in registry.ids("methods"):
        raise UserError(f"{name}: there is a method of this name already; choose another one")
    file = path / f"{name.replace('-', '_')}.py"
    if file.exists():
        raise UserError(f"{file}: is there already; delete it, or choose another name or --folder")
    if not path.is_dir():
        raise UserError(f"{path}: there is no such folder; make it, or choose another --folder")
    text = (FOLDER / f"{template}.py.txt").read_text(encoding="utf-8")
    file.write_text(text.replace("NAME", name), encoding="utf-8")
    yield f"{file}: written"
    yield f"soulbench check-method {file}   runs the contract on it, in seconds"
    yield f"plugins: [{file}] and methods: {{{name}: {{}}}} in a configuration run it (docs/add-a-method.md)"


def check_method(file: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Run the contract on a method's file; yield a line for each rule.

    Args:
        file: the file.
        config: a whole configuration, of which a tiny benchmark is made.

    Raises:
        UserError: the file is no method, or breaks a rule.
    """
    plugin = str(file)
    names = [name for name, source in found("methods", (plugin,)).items() if source.plugin == plugin]
    if not names:
        raise UserError(f"{file}: a query, a metric, an attack or a figure, not a method")
    code = registry.method(names[0], (plugin,))
    # Imported here: the declarations are checked without PyTorch.
    from soulbench.unlearning.contract import Trial, check
    from soulbench.unlearning.workbench import Workbench, tiny

    with tempfile.TemporaryDirectory() as folder:
        settings = tiny(config, plugins=[plugin])
        bench = Workbench(Path(folder, "benchmark"), settings).write().train()
        yield f"{code.id}  [{code.level}, {code.family}]"
        yield from check(Trial(bench, Path(folder, "models")), code.id)
        yield f"{code.id} keeps to the contract"
