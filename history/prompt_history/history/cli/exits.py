"""How the command ends."""

from __future__ import annotations

OK, FAILURE, USAGE, NOT_FOUND, AUTH, UNREACHABLE, LOST, INTEGRITY = range(8)
COMMAND_NOT_FOUND = 127
INTERRUPTED = 130

MEANING = {
    OK: "done",
    FAILURE: "failure",
    USAGE: "the command line or a setting is wrong",
    NOT_FOUND: "no such record",
    AUTH: "the store refuses the credentials",
    UNREACHABLE: "the store cannot be reached or read",
    LOST: "records were lost (`doctor`)",
    INTEGRITY: "the history was changed by somebody else",
}


class Exit(Exception):
    """Ends the command with `code`; the text is one sentence that names the thing, the value and the way out."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
