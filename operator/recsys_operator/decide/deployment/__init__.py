"""What becomes of a Deployment: which version, which revision, which weights, and what is said about it."""
