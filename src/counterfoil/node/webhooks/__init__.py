"""Telling other systems: alarms and finished work, sent until they are taken."""
