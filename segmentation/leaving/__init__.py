"""What colleagues say of customers who leave: suspected, discussed, and counted once they are lost."""
