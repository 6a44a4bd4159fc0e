"""What a report looks like: tables on the screen, the page, CSV files with their data package."""
