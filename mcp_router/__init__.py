"""Routes a support copilot's calls by versioned policy, and never acts twice."""

__version__ = "0.1.0"
