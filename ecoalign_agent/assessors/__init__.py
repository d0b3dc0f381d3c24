"""Assessors: what grades a thought or a request, and their registry."""
