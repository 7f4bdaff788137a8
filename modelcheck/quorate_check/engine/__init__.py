"""The compiled search: the real step function runs once per distinct pair, the rest is integers."""

from quorate_check.engine.search import Limits, Progress, explore

__all__ = ["Limits", "Progress", "explore"]
