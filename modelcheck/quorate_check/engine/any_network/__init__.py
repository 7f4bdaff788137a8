"""The search of a network in which what was sent may arrive at any time, any number of times, or never."""
