"""What was found, told: stories, diagrams, pages, reports, saved paths, progress."""
