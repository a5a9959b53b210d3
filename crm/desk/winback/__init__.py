"""Who is leaving: said by a colleague, talked over, and looked back on once they are lost."""
