"""Customers who could become more than they are."""
