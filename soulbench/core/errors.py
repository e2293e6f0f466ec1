"""The one exception that is meant for the person at the keyboard."""


class UserError(ValueError):
    """Bad input: the message says what is wrong, where, and what would be right.

    Jobs print it without a traceback (see `soulbench.core.log`); everything else is a bug and keeps its traceback.
    """
