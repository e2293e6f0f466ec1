"""The exception for errors that the user can mend."""


class UserError(ValueError):
    """Wrong input. The message says where, what is wrong and what is allowed.

    Jobs print it without a traceback (see `soulbench.core.log`); any other exception is a bug and keeps its traceback.
    """
