"""Local web pages: what the explorer and the demo share. Needs the extra `web`."""
