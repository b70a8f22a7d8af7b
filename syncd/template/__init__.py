"""Texts made of a mapping's keys."""
