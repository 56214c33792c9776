"""Forms on pages: what is shown of a form file, and what was typed into it."""
