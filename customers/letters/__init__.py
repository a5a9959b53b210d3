"""The one way out to customers: who agreed to what, what is written, whether it may go now, and how it went."""
