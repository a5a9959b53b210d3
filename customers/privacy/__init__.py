"""Who looked at a customer, and what customers asked about the data of theirs."""
