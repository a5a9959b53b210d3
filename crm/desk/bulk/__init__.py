"""Bulk runs: what is asked for over a list, followed to its end, fetched, and taken back."""
