"""Keeps every LLM call of a process: record, redaction, spool, shipper, stores. Knows nothing of SDKs."""
