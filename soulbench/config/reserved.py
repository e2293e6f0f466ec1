"""Names that the configuration must not give to anything of its own; each list exists only here."""

from soulbench.core.registry import ENTRY_KEYS
from soulbench.core.terms import ALL_REQUESTS, BANK, RESEED, RETRAINED, TRUTH

__all__ = ["ENTRY_KEYS", "METHOD_NAMES", "REQUEST_NAMES", "RULE_NAMES"]

#: Fixed names of the workflow's rules. A method's rule is named by the method's id, so no method may have one of these.
#: An id has no underscore, so rules whose names have one are not listed.
RULE_NAMES = (
    "ablate",
    "all",
    BANK,
    "claims",
    "download",
    "finetune",
    "pack",
    "page",
    "pretrain",
    "requests",
    "tables",
    "vocabulary",
)

#: Names that no method may have: rules, and words with a meaning of their own in tables, figures and page.
METHOD_NAMES = frozenset({*RULE_NAMES, ALL_REQUESTS, RESEED, RETRAINED, TRUTH, "none"})

#: Names that no request may have, for the same reason.
REQUEST_NAMES = frozenset({ALL_REQUESTS})
