"""Reads what a canary is judged by: the pods' own metrics, PromQL, webhooks. Whatever fails is told, never raised."""
