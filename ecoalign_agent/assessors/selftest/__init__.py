"""Selftest of an assessor: known attacks on assessors, and harmless look-alikes, with shares and intervals."""
