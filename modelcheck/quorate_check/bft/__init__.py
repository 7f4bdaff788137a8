"""The signed BFT protocol: its core among traitors, its bounds, what it promises, its specification, and its words."""
