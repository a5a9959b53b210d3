"""Calendars: the lunar one, and the days of a year that come again in either."""
