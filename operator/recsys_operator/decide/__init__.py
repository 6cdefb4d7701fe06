"""What should be so, as pure functions of what was observed and of the time. No kopf, no HTTP, no clock."""
