"""What a server needs whatever its protocol; it imports no protocol."""
