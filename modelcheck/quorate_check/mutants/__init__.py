"""Mutation tests of the checker: it must catch the core with a known bug, or with one made by rule."""
