"""Programs that start the local AWS and show Trainyard on it."""
