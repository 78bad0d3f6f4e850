"""Where contacts go: the account, the agreement to send to it, and a package for each destination."""
