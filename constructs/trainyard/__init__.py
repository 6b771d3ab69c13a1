"""Trainyard's building blocks: one construct per file, named after the thing it makes."""
