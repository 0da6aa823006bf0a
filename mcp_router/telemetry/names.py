"""Every name that a span of ours carries, once, and the conventions that they follow.

`gen_ai.*` and `mcp.*` are OpenTelemetry's, from its GenAI conventions, which are still in
development and so may change: `SCHEMA_URL` names the version. No convention has names for a
router or for cost; those are ours, under `router.*`.
"""

SCHEMA_URL = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"

# OpenTelemetry: of every kind of span
ERROR_TYPE = "error.type"
HTTP_STATUS = "http.response.status_code"
SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"

# OpenTelemetry: MCP
MCP_METHOD = "mcp.method.name"

# OpenTelemetry: GenAI
GEN_AI_OPERATION = "gen_ai.operation.name"
GEN_AI_PROVIDER = "gen_ai.provider.name"
GEN_AI_TOOL = "gen_ai.tool.name"
GEN_AI_CONVERSATION = "gen_ai.conversation.id"
GEN_AI_REQUEST_MODEL = "gen_ai.request.model"
GEN_AI_RESPONSE_MODEL = "gen_ai.response.model"
GEN_AI_FINISH_REASONS = "gen_ai.response.finish_reasons"
GEN_AI_INPUT_TOKENS = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
GEN_AI_CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens"

# Ours: the decision
ROUTER_DECISION = "router.decision.id"
ROUTER_POLICY = "router.policy.name"
ROUTER_POLICY_VERSION = "router.policy.version"
ROUTER_ARM = "router.experiment.arm"
ROUTER_RULE = "router.rule"
ROUTER_POOL = "router.pool"
ROUTER_INTENT = "router.intent"
ROUTER_CACHE_HIT = "router.cache.hit"
ROUTER_ESCALATED = "router.escalated"
ROUTER_OUTCOME = "router.outcome"
ROUTER_ACTION = "router.action.id"
ROUTER_TENANT = "router.tenant"
ROUTER_RUN = "router.run.id"
ROUTER_COST = "router.cost.usd"
ROUTER_ATTEMPTS = "router.attempts"

# Ours: an attempt
ROUTER_TARGET = "router.target"
ROUTER_ATTEMPT = "router.attempt"
ROUTER_FALLBACK = "router.fallback.reason"
ROUTER_EVIDENCE = "router.evidence"
ROUTER_PURPOSE = "router.purpose"
ROUTER_REASON = "router.reason"

TARGET_SKIPPED = "router.target.skipped"
"""The event of a target that was not asked."""
