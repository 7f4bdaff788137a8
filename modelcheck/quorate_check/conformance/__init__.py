"""Is the code what the specification says? Every local step of the code is explained by steps of the specification."""
