"""Applications that know nothing of prompt-history, and the provider on loopback that they talk to."""
