"""Printed documents: what a deployment says they look like, and what they are made of."""
