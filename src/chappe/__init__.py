"""Chappe: an SMS gateway whose yes means kept."""

__version__ = "0.1.0"
