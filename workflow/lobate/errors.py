"""Errors that a user can mend: one paragraph with what is wrong, where, and how to mend it."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend; the command line prints it as one paragraph and exits with status 2.

    Write the message as what is wrong, where (file, layer, feature, field) and how to mend it, in that order.
    """


class UserErrors(UserError):
    """Several mistakes at once, so that a user mends them all in one go."""

    def __init__(self, messages: list[str]) -> None:
        self.messages = list(messages)
        super().__init__("\n".join(f"- {message}" for message in messages) if len(messages) > 1 else messages[0])


def first_line(error: BaseException) -> str:
    """Return the first line of a library's error, 200 characters at most, or its type where it has no text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
