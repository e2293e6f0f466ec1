"""How `make docs` makes the site from these pages and from the docstrings."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from soulbench import __version__

project, author, release = "soulbench", "the soulbench authors", __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
html_theme, html_title = "furo", "soulbench"
# Two classes of the package have the same name here and there, and a type that names one of them links to neither.
suppress_warnings = ["ref.python"]
autosummary_generate = True
myst_heading_anchors = 3
# Docstrings name code in single backquotes.
default_role = "code"
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_use_ivar = True
