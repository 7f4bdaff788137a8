"""One node of a cluster, assembled from its configuration."""
