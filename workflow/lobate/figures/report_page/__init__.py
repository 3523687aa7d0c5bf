"""The report's page: one module a section's facts, as plain data, and the templates, styles and scripts beside them."""
