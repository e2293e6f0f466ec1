"""The typed model of the configuration: its keys, what they mean, and what each allows.

It needs no disk and no registry (`soulbench.config.checks` has what does), and is imported only where a configuration
is checked or described: jobs receive plain mappings and do not pay for the import of pydantic.
"""

from soulbench.config.model.configuration import Configuration

__all__ = ["Configuration"]
