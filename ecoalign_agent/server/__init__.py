"""Behind a URL: an OpenAI-compatible endpoint whose answers come from the search.

``app.create_app`` builds it, ``process.serve`` runs it until it is asked to end. Needs the extra ``serve``.
"""
