"""Passports of datasets and models: filled in by a person, put on record, handed out, checked by anybody."""
