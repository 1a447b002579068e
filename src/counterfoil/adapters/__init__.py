"""Ready-made ways in: what an application uses already, and its records.

Each adapter is a module of its own, and loads the package it adapts to only when it is imported:
`counterfoil.adapters.starlette`, `.sklearn`, `.opentelemetry`.
"""
