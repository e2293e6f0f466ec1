"""Captions: the same reStructuredText that `snakemake --report` shows, rendered with the same names."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from soulbench.core.errors import UserError
from soulbench.core.records import ROOT

FOLDER = ROOT / "workflow" / "report"


def caption(name: str, config: dict[str, Any], folder: Path = FOLDER) -> Markup:
    """Return a caption as HTML.

    Raises:
        UserError: there is no such caption.
    """
    path = folder / f"{name}.rst"
    if not path.is_file():
        raise UserError(f"{path}: a figure needs a caption there, 1 to 4 sentences of reStructuredText")
    template = Environment(undefined=StrictUndefined, autoescape=False).from_string(
        path.read_text(encoding="utf-8")
    )
    text = template.render(snakemake=SimpleNamespace(config=config))
    settings = {"file_insertion_enabled": False, "raw_enabled": False, "report_level": 5}
    return Markup(publish_parts(text, writer="html5", settings_overrides=settings)["body"])
