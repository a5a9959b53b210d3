"""Taking a page away: its tables as CSV or a workbook, or the page on paper, as its reader sees them."""
