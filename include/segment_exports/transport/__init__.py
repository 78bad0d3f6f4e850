"""One request to a destination: paced, timed, retried, counted, redacted."""
