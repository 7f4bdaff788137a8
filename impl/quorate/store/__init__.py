"""A replicated map from bytes to bytes, and the Redis protocol in front of it."""
