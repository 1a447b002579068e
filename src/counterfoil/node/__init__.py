"""One organisation's server: an HTTP API, a console, and the work that goes on in the background."""
