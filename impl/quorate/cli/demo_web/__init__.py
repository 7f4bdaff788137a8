"""The page of `quorate demo --web`: a cluster of real processes, shown while it runs."""
