"""The explorer: a local page on which a person walks through the states of a system, step by step, on its real code."""
