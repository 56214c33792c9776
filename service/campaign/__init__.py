"""The campaign's own matter: calendar, windows, units, quotas, scores, titles, filings and notices."""
