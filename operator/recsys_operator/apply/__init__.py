"""What writes: server-side apply, status, deletion, events."""
