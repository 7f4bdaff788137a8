"""The BFT server: drives the Byzantine core, and keeps the payloads whose digests it decides."""
