"""The checker: explores real step functions exhaustively within bounds."""
