"""Which addresses alerts may be sent to."""

from collections.abc import Sequence

import pytest

from mcp_router.alerts.address import checked, look_up, may_reach


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.215.14",
        "172.15.255.255",
        "172.32.0.0",
        "2606:4700::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "::ffff:0:8.8.8.8",
    ],
)
def test_the_open_network_may_be_reached(address: str) -> None:
    assert may_reach(address, allow_private=False)
    assert may_reach(address, allow_private=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "240.0.0.1",
        "::1",
        "fc00::1",
        "fdff::1",
        "fec0::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "::ffff:0:10.0.0.1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_this_machine_and_its_network_may_be_reached_only_where_allowed(address: str) -> None:
    assert not may_reach(address, allow_private=False)
    assert may_reach(address, allow_private=True)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "239.255.255.250",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fd20:ce::254",
        "ff02::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "::ffff:0:169.254.169.254",
        "::ffff:0:100.100.100.200",
        "64:ff9b:1::a9fe:a9fe",
        "localhost",
        "127.1",
        "",
    ],
)
def test_some_addresses_are_never_those_of_a_receiver(address: str) -> None:
    assert not may_reach(address, allow_private=False)
    assert not may_reach(address, allow_private=True)


async def test_one_address_that_may_not_be_reached_refuses_the_whole_name() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["8.8.8.8", "8.8.8.8", "10.0.0.1"]

    assert await checked("x.example", 443, allow_private=False, resolve=resolve) == ()
    found = await checked("x.example", 443, allow_private=True, resolve=resolve)
    assert found == ("8.8.8.8", "10.0.0.1")


async def test_a_name_without_addresses_has_none() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return []

    assert await checked("x.example", 443, allow_private=False, resolve=resolve) == ()


async def test_the_resolver_of_this_machine_knows_the_forms_that_hide_an_address() -> None:
    assert list(await look_up("127.0.0.1", 80)) == ["127.0.0.1"]
    assert list(await look_up("2130706433", 80)) == ["127.0.0.1"]
    assert "127.0.0.1" in await look_up("localhost", 80)
