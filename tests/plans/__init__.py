"""What PostgreSQL makes of the product's statements in a mall that is large enough for its choices to count."""
