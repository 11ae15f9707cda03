"""What we conclude, whom we tell and what we do: rules, states, outbox, channels and control."""
