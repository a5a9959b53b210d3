"""The list machine: one page of conditions, views, columns and order for every long list that is declared to it."""
