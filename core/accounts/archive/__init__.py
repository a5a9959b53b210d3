"""The audit trail for years: a partition a month, sealed in a chain, archived as files, and proved as one."""
