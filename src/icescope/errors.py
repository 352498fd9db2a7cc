"""The one exception that a user is meant to read."""


class InputError(ValueError):
    """Something the user gave is wrong: one sentence that says what, where, and what to do.

    The commands and the workflow print the sentence without a traceback and exit with status 1.
    """
