"""Who is to blame: the caller, or whoever sent the message."""


class LocalError(ValueError):
    """A call that no correct driver makes; nothing has happened."""


class RemoteError(ValueError):
    """A message that no correct member sends, or that nobody signed; nothing has happened."""
