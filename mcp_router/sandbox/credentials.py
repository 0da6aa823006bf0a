"""The credentials that the embedded servers accept: constants, because they open nothing else."""

ZENDESK_EMAIL = "copilot@sandbox.test"
ZENDESK_TOKEN = "sandbox-zendesk-token"  # noqa: S105 - opens the embedded server only
SALESFORCE_CLIENT_ID = "sandbox-salesforce-client"
SALESFORCE_CLIENT_SECRET = "sandbox-salesforce-secret"  # noqa: S105 - see above
OPENAI_KEY = "sandbox-openai-key"
ANTHROPIC_KEY = "sandbox-anthropic-key"
GEMINI_KEY = "sandbox-gemini-key"
