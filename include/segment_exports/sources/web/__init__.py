"""What the two ways in over HTTP share: tokens, one JSON answer, pages, joining members to profiles."""
