"""What whoever runs Laoke asks of it: whether it is well, what it counts, what it says, and how it is saved."""
