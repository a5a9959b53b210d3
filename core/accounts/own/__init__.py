"""One's own account: the devices one is signed in on, the second factor, name, language and password."""
