"""`python -m recsys_workers.data.generate`: logs of a shop that is made up, and the best scores that can be reached."""
