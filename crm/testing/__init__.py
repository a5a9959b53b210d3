"""What the tests and the checks need beyond the product."""
