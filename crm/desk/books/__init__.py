"""The books: customers proposed to a new manager with what they must know, and the team at a glance."""
