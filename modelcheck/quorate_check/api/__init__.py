"""What people check their own protocols with: `check`, the pytest plugin, systems by name, guards against misuse."""
