"""The page that management reads, results/report.html, and its charts as pictures."""
