from datetime import UTC, datetime

# Wednesday noon in the mall.
NOON = datetime(2026, 11, 18, 4, tzinfo=UTC)
