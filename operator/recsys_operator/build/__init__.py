"""Manifests of the children, one kind of child a file: pure functions from values to dictionaries."""
