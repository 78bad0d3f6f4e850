"""What is set outside the definitions: read and judged here alone, below every other wing."""
