"""What goes out to customers: the list of the day, who agreed to what, how often, and the customer's own page."""
