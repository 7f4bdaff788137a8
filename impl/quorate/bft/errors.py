"""The errors of the core: of its caller, or of the sender of a message."""


class LocalError(ValueError):
    """A call that no correct driver makes; nothing has happened."""


class RemoteError(ValueError):
    """A message that no correct member sends, or whose signature is false; nothing has happened."""
