"""Exercises for learners: questions whose answers a search computes, and changes to the code that a search judges."""
