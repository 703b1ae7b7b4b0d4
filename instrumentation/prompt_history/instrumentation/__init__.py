"""Captures the LLM calls of an application. Knows OpenTelemetry and the JSON of SDKs, nothing of stores."""

__version__ = "0.1.0"
