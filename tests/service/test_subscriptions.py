"""Whose key is accepted, where it may stand, and what a file of subscriptions must look like."""

from hashlib import sha256
from pathlib import Path

import pytest

from service.subscriptions import Subscriptions, SubscriptionsFileError, load_subscriptions, presented_key


def digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def table(name: str, *keys: str, state: str = "active", product: str = "Starter") -> str:
    hashes = ", ".join(f'"{digest(key)}"' for key in keys)
    return f'[[subscription]]\nname = "{name}"\nproduct = "{product}"\nkey_hashes = [{hashes}]\nstate = "{state}"\n'


def load(tmp_path: Path, text: str) -> Subscriptions:
    path = tmp_path / "subscriptions.toml"
    path.write_text(text, encoding="utf-8")
    return load_subscriptions(path, products={"Starter", "Unlimited"})


def test_primary_and_secondary_key_find_their_subscription(tmp_path: Path):
    subscriptions = load(tmp_path, table("a", "a1", "a2") + table("b", "b1", "b2", product="Unlimited"))

    found = [subscriptions.find_active(key) for key in (b"a1", b"a2", b"b1", b"b2")]

    assert [(each.name, each.product) for each in found if each] == [
        ("a", "Starter"),
        ("a", "Starter"),
        ("b", "Unlimited"),
        ("b", "Unlimited"),
    ]


@pytest.mark.parametrize("key", [b"", b"A1", b"a1 ", b"a", b"\xff", digest("a1").encode()])
def test_another_key_finds_none(tmp_path: Path, key: bytes):
    assert load(tmp_path, table("a", "a1", "a2")).find_active(key) is None


def test_a_suspended_subscription_is_not_found(tmp_path: Path):
    assert load(tmp_path, table("a", "a1", state="suspended")).find_active(b"a1") is None


def test_a_start_is_a_moment_and_may_be_left_out(tmp_path: Path):
    text = table("a", "a1") + "start = 1970-01-02T00:00:00Z\n" + table("b", "b1")

    assert [each.start_seconds for each in load(tmp_path, text).subscription] == [86400, None]


def test_no_text_of_a_subscription_shows_its_hashes(tmp_path: Path):
    subscriptions = load(tmp_path, table("a", "a1"))

    assert "'a'" in repr(subscriptions)
    assert digest("a1") not in repr(subscriptions)


@pytest.mark.parametrize(
    ("headers", "query", "key"),
    [
        ([(b"ocp-apim-subscription-key", b"h")], b"", b"h"),
        ([], b"api-version=2.0&subscription-key=q", b"q"),
        ([], b"subscription-key=a%2Bb", b"a+b"),
        ([(b"ocp-apim-subscription-key", b"h")], b"subscription-key=q", b"h"),
        ([(b"ocp-apim-subscription-key", b"")], b"subscription-key=q", None),
        ([], b"subscription-key=", None),
        ([(b"authorization", b"Bearer x")], b"Subscription-Key=q", None),
    ],
)
def test_the_header_is_read_first_and_the_query_only_without_it(
    headers: list[tuple[bytes, bytes]], query: bytes, key: bytes | None
):
    assert presented_key(headers, query) == key


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "subscription: Field required"),
        ("subscription = []", "subscription: Tuple should have at least 1 item"),
        ("[[subscription]", "not TOML in UTF-8"),
        (table("a", "a1") + "colour = 1", "subscription.0.colour: Extra inputs are not permitted"),
        (table("", "a1"), "subscription.0.name: String should have at least 1 character"),
        (table("a"), "subscription.0.key_hashes: Tuple should have at least 1 item"),
        (table("a", "1", "2", "3"), "subscription.0.key_hashes: Tuple should have at most 2 items"),
        (table("a", "a1", state="off"), "subscription.0.state: Input should be 'active' or 'suspended'"),
        (table("a", "a1") + table("a", "b1"), "two subscriptions have the same name"),
        (table("a", "k") + table("b", "k"), "one key is given twice"),
        (table("a", "k", product="Gold"), "'a' is bound to a product that is not declared (Starter, Unlimited)"),
        (table("a", "k").replace('"Starter"', '["Starter", "Unlimited"]'), "bound to one product, not to 2"),
        (table("a", "k") + 'product = "Unlimited"', "Cannot overwrite a value"),
        (table("a", "k") + "start = 2024-01-01", "subscription.0.start: Input should have timezone info"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, problem: str):
    with pytest.raises(SubscriptionsFileError) as caught:
        load(tmp_path, text)

    assert problem in str(caught.value)
    assert "subscriptions.toml" in str(caught.value)


def test_a_key_in_place_of_its_hash_is_refused_and_not_repeated(tmp_path: Path):
    text = '[[subscription]]\nname = "a"\nproduct = "p"\nkey_hashes = ["plain-secret"]\n'

    with pytest.raises(SubscriptionsFileError, match=r"key_hashes\.0: String should match pattern") as caught:
        load(tmp_path, text)

    assert "plain-secret" not in str(caught.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path):
    with pytest.raises(SubscriptionsFileError, match=r"none\.toml.*No such file or directory"):
        load_subscriptions(tmp_path / "none.toml", products={"Starter"})
