"""What makes stages restartable processes: errors, events, locks, checkpoints, HTTP, the archive and the runner."""
