"""Files of customers, products and refunds: one way of going through them, a module for what each kind means."""
