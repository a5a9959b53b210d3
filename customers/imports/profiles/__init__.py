"""Profiles that are built in. Those that people have made are rows of `ImportProfile`."""

from customers.imports.profiles.profile import Profile
from customers.imports.profiles.recognise import PROFILES, mapping, matches, recognised

__all__ = ["PROFILES", "Profile", "mapping", "matches", "recognised"]
