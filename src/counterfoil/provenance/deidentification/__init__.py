"""Making a table without what points to persons: settings, keys, the search for k, and the writing."""
