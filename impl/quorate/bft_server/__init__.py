"""What runs the Byzantine core: a driver, its storage, and the commands that its digests stand for."""
