"""The exit statuses, and the error that ends a command with one of them."""

DONE, NEGATIVE, UNUSABLE, NO_ANSWER = range(4)


class CommandFailedError(Exception):
    """The command ends with `status`; the text is one line that says why."""

    def __init__(self, why: str, status: int = UNUSABLE) -> None:
        """`status` is any of the statuses above but DONE."""
        super().__init__(why)
        self.status = status
