"""The one exception that a user is meant to read."""

LONGEST = 1500  # characters of a sentence


class InputError(ValueError):
    """Something the user gave is wrong: one sentence that says what, where, and what to do.

    The commands and the workflow print the sentence without a traceback and exit with status 1. Line ends and control
    characters, which names of files and errors of libraries may hold, become spaces; what is longer than LONGEST loses
    its middle.
    """

    def __init__(self, sentence: str) -> None:
        parts = "".join(character if character.isprintable() else "\n" for character in sentence).split("\n")
        line = " ".join(part.strip() for part in parts if part.strip())
        half = LONGEST // 2
        super().__init__(line if len(line) <= LONGEST else f"{line[:half]} ... {line[-half:]}")
