"""What happens after the commit: the background worker and the names of its tasks."""
