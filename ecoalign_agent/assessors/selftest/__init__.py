"""Attacks that are known to talk assessors round, and harmless look-alikes: how well does an assessor hold?"""
