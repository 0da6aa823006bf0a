"""The metadata to deploy to Salesforce is what the router writes and the sandbox enforces."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mcp_router.desks.salesforce_client import API_VERSION
from mcp_router.desks.salesforce_package import (
    ACTION_OBJECT,
    CASE_OBJECT,
    FIELDS,
    PERMISSION_SET,
    TextField,
)
from mcp_router.sandbox.salesforce.schema import OBJECTS
from tests.source_tree import CHECKOUT

PACKAGE = CHECKOUT / "examples" / "salesforce"
SOURCE = PACKAGE / "force-app" / "main" / "default"
NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
PERMISSIONS = SOURCE / "permissionsets" / f"{PERMISSION_SET}.permissionset-meta.xml"


def root(file: Path, kind: str) -> ElementTree.Element:
    found = ElementTree.parse(file).getroot()
    assert found.tag == NAMESPACE + kind
    return found


def values(element: ElementTree.Element) -> dict[str, str]:
    """Return the texts of the children by name, one child a name."""
    found = {child.tag.removeprefix(NAMESPACE): child.text or "" for child in element}
    assert len(found) == len(element)
    return found


def field_file(field: TextField) -> Path:
    return SOURCE / "objects" / field.object / "fields" / f"{field.name}.field-meta.xml"


def flag(value: bool) -> str:
    return "true" if value else "false"


def granted(kind: str, name: str) -> dict[str, dict[str, str]]:
    """Return what the permission set says of each object or field, by its name."""
    entries = root(PERMISSIONS, "PermissionSet").findall(NAMESPACE + kind)
    found = {one[name]: one for one in map(values, entries)}
    assert len(found) == len(entries)
    return found


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.path)
def test_a_field_is_deployed_as_the_router_needs_it(field: TextField) -> None:
    deployed = values(root(field_file(field), "CustomField"))

    assert {**deployed, "description": "", "label": ""} == {
        "fullName": field.name,
        "type": "Text",
        "length": str(field.length),
        "unique": flag(field.unique),
        "externalId": flag(field.unique),
        "required": flag(field.required),
        "description": "",
        "label": "",
        **({"caseSensitive": "false"} if field.unique else {}),
    }


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.path)
def test_the_sandbox_has_the_same_field(field: TextField) -> None:
    there = OBJECTS[field.object].field(field.name)

    assert there is not None
    assert (there.name, there.length) == (field.name, field.length)
    assert (there.unique, there.external_id, there.required) == (
        field.unique,
        field.unique,
        field.required,
    )


def test_nothing_else_is_deployed() -> None:
    files = {str(file.relative_to(SOURCE)) for file in SOURCE.rglob("*") if file.is_file()}

    assert files == {
        "objects/Case/fields/McpTicketId__c.field-meta.xml",
        "objects/McpAction__c/McpAction__c.object-meta.xml",
        "objects/McpAction__c/fields/Key__c.field-meta.xml",
        "objects/McpAction__c/fields/Ref__c.field-meta.xml",
        "permissionsets/McpRouter.permissionset-meta.xml",
    }


def test_the_object_names_its_records_itself_and_shows_them_to_every_reader() -> None:
    """A marker that another user wrote must be found: else a changed user would not see it."""
    deployed = root(SOURCE / "objects" / ACTION_OBJECT / f"{ACTION_OBJECT}.object-meta.xml",
                    "CustomObject")  # fmt: skip
    name_field = deployed.find(f"{NAMESPACE}nameField")

    assert name_field is not None
    assert values(name_field)["type"] == "AutoNumber"
    assert values(deployed)["sharingModel"] == "Read"
    assert values(deployed)["deploymentStatus"] == "Deployed"


def test_the_permission_set_lets_the_user_write_what_the_router_writes_and_delete_nothing() -> None:
    objects = granted("objectPermissions", "object")
    rights = ("allowRead", "allowCreate", "allowEdit", "allowDelete")

    assert {name: tuple(one[right] for right in rights) for name, one in objects.items()} == {
        "Account": ("true", "false", "false", "false"),
        CASE_OBJECT: ("true", "true", "true", "false"),
        "Contact": ("true", "false", "false", "false"),
        ACTION_OBJECT: ("true", "true", "true", "false"),
    }


def test_the_permission_set_names_every_field_that_is_not_required() -> None:
    """Salesforce refuses to deploy a permission for a required field: everybody has it."""
    assert granted("fieldPermissions", "field") == {
        field.path: {"field": field.path, "readable": "true", "editable": "true"}
        for field in FIELDS
        if not field.required
    }


def test_the_project_is_deployed_by_the_commands_of_its_readme() -> None:
    project = json.loads((PACKAGE / "sfdx-project.json").read_text(encoding="utf-8"))
    told = (PACKAGE / "README.md").read_text(encoding="utf-8")

    assert project["packageDirectories"] == [{"path": "force-app", "default": True}]
    assert project["sourceApiVersion"] == API_VERSION
    assert "sf project deploy start --source-dir force-app --target-org crm\n" in told
    assert f"sf org assign permset --name {PERMISSION_SET} --target-org crm " in told
