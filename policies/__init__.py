"""Policy documents that ship with the router; read through mcp_router.policy.source."""
