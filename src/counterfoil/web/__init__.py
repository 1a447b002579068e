"""What the HTTP rooms of all capabilities share: roles, problems, pages of results."""
