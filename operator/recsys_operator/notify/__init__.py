"""Telling people what happens to Deployments, by mail, chat or webhook, in the background."""
