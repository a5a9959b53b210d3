"""Who did what, who saw whom, and what customers asked about their data."""
