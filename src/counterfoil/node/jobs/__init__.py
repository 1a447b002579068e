"""Long work in the background: it shows how far it is, can be stopped, and goes on after a crash."""
