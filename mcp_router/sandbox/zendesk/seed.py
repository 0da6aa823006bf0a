"""The people of the seeded desk: a marketplace with a paid plan for its sellers.

Everybody is invented; addresses are at example.com (RFC 2606) and telephone numbers are of the
range reserved for fiction. The same every time.
"""

from mcp_router.sandbox.credentials import ZENDESK_EMAIL
from mcp_router.sandbox.zendesk.records import Group, Organization, User

_OPENED_S = 1_767_225_600  # 2026-01-01T00:00:00Z, when the account was opened

SUPPORT = 4001
BILLING = 4002
TRUST_AND_SAFETY = 4003

HARBOR_LANE = 3001
FIELDNOTE = 3002
QUILLMARK = 3003

ME = User(
    id=1001,
    name="Sandbox Copilot",
    email=ZENDESK_EMAIL,
    role="admin",  # the incremental export is for admins only
    created_s=_OPENED_S,
    default_group_id=SUPPORT,
)

GROUPS = (
    Group(
        id=SUPPORT,
        name="Support",
        description="Orders, accounts and everything else",
        created_s=_OPENED_S,
        default=True,
    ),
    Group(
        id=BILLING,
        name="Billing",
        description="Invoices, refunds and plans",
        created_s=_OPENED_S,
    ),
    Group(
        id=TRUST_AND_SAFETY,
        name="Trust & Safety",
        description="Disputes, identity checks and account recovery",
        created_s=_OPENED_S,
    ),
)

ORGANIZATIONS = (
    Organization(
        id=HARBOR_LANE,
        name="Harbor Lane Goods",
        domain_names=("harborlane.example.com",),
        notes="Seller since the first week; peak season is November.",
        tags=("premium", "seller"),
        created_s=_OPENED_S,
    ),
    Organization(
        id=FIELDNOTE,
        name="Fieldnote Studio",
        domain_names=("fieldnote.example.com",),
        notes="Team plan, pays by card.",
        tags=("team_plan",),
        created_s=_OPENED_S,
    ),
    Organization(
        id=QUILLMARK,
        name="Quillmark Logistics",
        domain_names=("quillmark.example.com",),
        notes="Enterprise plan with invoicing.",
        tags=("enterprise",),
        created_s=_OPENED_S,
    ),
)

PRIYA = 1002
TOMAS = 1003
IMANI = 1004

_AGENTS = (
    (PRIYA, "Priya Raman", "priya.raman@example.com", SUPPORT),
    (TOMAS, "Tomas Keller", "tomas.keller@example.com", BILLING),
    (IMANI, "Imani Osei", "imani.osei@example.com", TRUST_AND_SAFETY),
)

MAYA = 2001
DIEGO = 2002
HANNAH = 2003
KENJI = 2004
AMARA = 2005
LUCAS = 2006
SOFIA = 2007
OMAR = 2008
GRACE = 2009
NIKOLAI = 2010
ELENA = 2011

_REQUESTERS = (
    (MAYA, "Maya Lindqvist", "maya.lindqvist@example.com", "+1 202 555 0143", None),
    (DIEGO, "Diego Fuentes", "diego.fuentes@example.com", None, None),
    (HANNAH, "Hannah Brooks", "hannah.brooks@example.com", "+1 202 555 0117", HARBOR_LANE),
    (KENJI, "Kenji Watanabe", "kenji.watanabe@example.com", None, FIELDNOTE),
    (AMARA, "Amara Nwosu", "amara.nwosu@example.com", None, FIELDNOTE),
    (LUCAS, "Lucas Meyer", "lucas.meyer@example.com", None, None),
    (SOFIA, "Sofia Rossi", "sofia.rossi@example.com", "+1 202 555 0168", None),
    (OMAR, "Omar Haddad", "omar.haddad@example.com", None, HARBOR_LANE),
    (GRACE, "Grace Okafor", "grace.okafor@example.com", None, QUILLMARK),
    (NIKOLAI, "Nikolai Petrov", "nikolai.petrov@example.com", None, QUILLMARK),
    (ELENA, "Elena Marsh", "elena.marsh@example.com", "+1 202 555 0129", None),
)

STAFF = (
    ME,
    *(
        User(
            id=user_id,
            name=name,
            email=email,
            role="agent",
            created_s=_OPENED_S,
            default_group_id=group_id,
        )
        for user_id, name, email, group_id in _AGENTS
    ),
)

CUSTOMERS = tuple(
    User(
        id=user_id,
        name=name,
        email=email,
        role="end-user",
        created_s=_OPENED_S,
        phone=phone,
        organization_id=organization_id,
        external_id=f"customer-{user_id}",
    )
    for user_id, name, email, phone, organization_id in _REQUESTERS
)
