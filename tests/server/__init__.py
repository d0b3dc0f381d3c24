"""The server behind a URL, over real sockets."""
