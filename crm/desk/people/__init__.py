"""The people who work here: the first of them, colleagues, their teams, and the way in by a link."""
