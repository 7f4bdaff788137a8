"""The page of `quorate generals --web`: what each general hears, and why an army splits or doesn't."""
