"""Reports on datasets, on record, and the rules that ask for them."""
