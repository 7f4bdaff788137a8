"""Results for people and programs: stories, diagrams, pages, reports, saved paths, progress."""
