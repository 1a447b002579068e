"""Running others' algorithms next to the data they may not take away."""
