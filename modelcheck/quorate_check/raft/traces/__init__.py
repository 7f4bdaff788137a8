"""Did a cluster that ran do what the specification says? Its traces are replayed, put in order, and explained."""
