"""What can be done with many customers of a list at once."""
