"""What a RecModel's status says: facts of its runs and Deployments in, one decision out."""
