"""Captions: reStructuredText, which `snakemake --report` also shows, as HTML for the page."""

from docutils.core import publish_parts
from markupsafe import Markup


def as_html(text: str) -> Markup:
    """Return reStructuredText as HTML; it may include neither files nor raw HTML."""
    settings = {"file_insertion_enabled": False, "raw_enabled": False, "report_level": 5}
    return Markup(publish_parts(text, writer="html5", settings_overrides=settings)["body"])
