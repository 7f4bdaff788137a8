"""What generals can't do, by z3."""
