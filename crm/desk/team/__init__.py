"""The team: who is away and who covers, customers proposed to a new manager, and the lead's page."""
