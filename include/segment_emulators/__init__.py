"""Servers that speak the outside services' protocols over a socket, and a generated tenant."""
