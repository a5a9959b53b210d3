"""The rulebook of the mall: the kinds of all floors, and what of them waits for somebody."""
