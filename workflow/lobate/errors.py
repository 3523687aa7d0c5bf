"""What a user's mistake looks like: one paragraph that says what is wrong, where, and how to mend it."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend; the command line prints it as one paragraph and exits with status 2.

    Write the message as what is wrong, where (file, layer, feature, field) and how to mend it, in that order.
    """


class UserErrors(UserError):
    """Several mistakes found together, so that a user mends them all in one go."""

    def __init__(self, found: list[str]) -> None:
        self.found = list(found)
        super().__init__("\n".join(f"- {one}" for one in self.found) if len(found) > 1 else found[0])
