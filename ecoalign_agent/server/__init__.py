"""An OpenAI-compatible server whose answers come from the search.

``app.create_app`` builds it, ``process.run_server`` runs it. Needs the extra ``serve``.
"""
