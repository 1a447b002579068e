"""Contributing: changes that others propose to an open dataset, who decides, and how what it brings is shared."""
