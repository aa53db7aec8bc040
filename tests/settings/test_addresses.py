"""Addresses: what is one, and that what opens a place elsewhere is in nothing that is shown."""

from __future__ import annotations

import pytest

from harness.errors import BadOption
from harness.settings.addresses import Address, address, is_address, shown


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("s3://key:secret@bucket/a", "s3://bucket/a"),
        ("s3://key:sec/ret@bucket/a", "s3://bucket/a"),
        ("s3://key@bucket/a", "s3://bucket/a"),
        ("--publish=s3://key:secret@bucket/a", "--publish=s3://bucket/a"),
        ("s3://key:secret@b?region=here&scheme=http", "s3://b?region=here&scheme=http"),
        ("s3://key:secret@b?region=here&client_secret=hush", "s3://b?region=here&client_secret=..."),
        ("abfs://:secret@account.example/c", "abfs://account.example/c"),
        ("abfs://container@account/a?sv=1&sig=hush", "abfs://container@account/a?sv=...&sig=..."),
        ("s3://bucket/who@where", "s3://bucket/who@where"),
        ("file:///mnt/results", "file:///mnt/results"),
        ("--batch-size=32,64", "--batch-size=32,64"),
        ("me@host:results", "me@host:results"),
    ],
)
def test_a_word_is_shown_without_what_opens_the_place_that_it_names(typed, told):
    assert shown(typed) == told


@pytest.mark.parametrize("typed", ["s3://bucket/a", "file:///mnt/a%20b", "gs://b", "abfss://c@account/a"])
def test_what_pyarrow_has_a_file_system_for_is_an_address(typed):
    assert is_address(typed)
    assert str(address("SOURCE", typed)) == typed


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("ftp://me:secret@host/a", "ftp://host/a"),
        ("mock://", "mock://"),
        ("/mnt/results", "/mnt/results"),
        ("s3:bucket", "s3:bucket"),
        ("file:///mnt/a b", "file:///mnt/a b"),
        ("file:///mnt/a\nb", r"file:///mnt/a\\nb"),
        ("file:///mnt/\udce9", r"file:///mnt/\\udce9"),
    ],
)
def test_anything_else_is_refused_by_name_without_what_it_holds_back(typed, named):
    with pytest.raises(BadOption, match=f"^PUBLISH={named}: not allowed; use an address such as s3://"):
        address("PUBLISH", typed)


def test_a_path_is_no_address():
    assert not any(map(is_address, ("results", "/mnt/results", "a:b", "./s3", "~/s3:/a")))


def test_neither_an_address_nor_an_error_about_it_holds_what_opens_it():
    one = Address("SOURCE", "s3://key:secret@bucket/a")
    error = OSError("Cannot parse 's3://key:secret@bucket/a'\nand https://host/a?sig=hush")
    assert one.told(error) == "Cannot parse 's3://bucket/a'"
    assert one.told(OSError("GET https://host/a?sig=hush failed")) == "GET https://host/a?sig=... failed"
    assert "secret" not in f"{one!r} {one}"
