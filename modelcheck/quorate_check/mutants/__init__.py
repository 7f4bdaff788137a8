"""Is the check worth anything? The core with a bug, brought back from elsewhere or made by rule, must be caught."""
