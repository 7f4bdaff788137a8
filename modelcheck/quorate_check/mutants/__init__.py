"""Mutation tests of the checks: they must catch the core with a known bug, or with one made by rule."""
