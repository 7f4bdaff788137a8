"""The Byzantine core held to Bft.tla, step by step."""
