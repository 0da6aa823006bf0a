"""mcp-router: the command line."""

import click

from mcp_router import __version__
from mcp_router.cli.actions import actions
from mcp_router.cli.audit import audit
from mcp_router.cli.audit_privacy import audit_content, audit_erase
from mcp_router.cli.common import CodedGroup
from mcp_router.cli.demo import demo
from mcp_router.cli.doctor import doctor
from mcp_router.cli.policy import policy
from mcp_router.cli.policy_life import (
    policy_promote,
    policy_rollback,
    policy_rollout,
    policy_status,
)
from mcp_router.cli.policy_study import policy_diff, policy_replay, policy_test
from mcp_router.cli.report import audit_report
from mcp_router.cli.route import route
from mcp_router.cli.serve import serve


@click.group(cls=CodedGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mcp-router")
def main() -> None:
    """Route a support copilot's calls by policy, record every decision, never act twice.

    Try it without any account: mcp-router demo
    """


main.add_command(demo)
main.add_command(serve)
main.add_command(doctor)
main.add_command(route)
main.add_command(policy)
policy.add_command(policy_test)
policy.add_command(policy_diff)
policy.add_command(policy_replay)
policy.add_command(policy_rollout)
policy.add_command(policy_promote)
policy.add_command(policy_rollback)
policy.add_command(policy_status)
main.add_command(actions)
main.add_command(audit)
audit.add_command(audit_erase)
audit.add_command(audit_content)
audit.add_command(audit_report)
