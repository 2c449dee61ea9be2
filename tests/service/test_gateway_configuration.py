"""APIs, products and policies: how they fit together, and what is refused before anything is served."""

from pathlib import Path

import pytest

from service.gateway_configuration import Configuration, ConfigurationFileError, load_configuration
from service.gateway_settings import SHIPPED_CONFIGURATION
from service.policies.model import RateLimit, Retry

OPENAPI = SHIPPED_CONFIGURATION.parent / "openapi.json"
PRODUCT = '[[product]]\nname = "{}"\n'


def api(name: str, suffix: str, products: str = '["Starter"]', more: str = "") -> str:
    return f'[[api]]\nname = "{name}"\nsuffix = "{suffix}"\nopenapi = "{OPENAPI}"\nproducts = {products}\n{more}\n'


def load(tmp_path: Path, text: str, suffix: str | None = None) -> Configuration:
    path = tmp_path / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return load_configuration(path, suffix=suffix, named_values={})


def test_the_shipped_files_have_the_products_limits_and_policies_of_the_guide():
    configuration = load_configuration(SHIPPED_CONFIGURATION, suffix=None, named_values={})

    (only,) = configuration.apis
    starter = only.policies["bes-submit", "Starter"].inbound
    assert (only.suffix, only.products, configuration.products) == (
        "azureml-demo",
        {"Starter", "Unlimited"},
        {"Starter", "Unlimited"},
    )
    assert [(each.calls, each.renewal_period_seconds) for each in starter if hasattr(each, "calls")] == [
        (5, 60),
        (100, 604800),
    ]
    assert not [each for each in only.policies["bes-submit", "Unlimited"].inbound if isinstance(each, RateLimit)]
    retried = {name for (name, _), policy in only.policies.items() if isinstance(policy.backend, Retry)}
    assert retried == {"bes-status"}
    assert configuration.products_with_quota == {"Starter"}


def test_several_apis_match_by_the_longest_suffix(tmp_path: Path):
    text = PRODUCT.format("Starter") + api("a", "") + api("b", "x/y", more='backend_url = "http://h/b"') + api("c", "x")

    apis = load(tmp_path, text).apis

    assert [(each.name, each.prefix, each.backend_url) for each in apis] == [
        ("b", "/x/y", "http://h/b"),
        ("c", "/x", None),
        ("a", "", None),
    ]


def test_the_suffix_of_the_settings_replaces_that_of_the_only_api(tmp_path: Path):
    text = PRODUCT.format("Starter") + api("a", "a")

    assert load(tmp_path, text, suffix="other").apis[0].suffix == "other"
    with pytest.raises(ConfigurationFileError, match="2 APIs, each with its suffix; unset BATCH_SCORING_GATEWAY_SUFF"):
        load(tmp_path, text + api("b", "b"), suffix="other")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[api]", "not TOML in UTF-8"),
        (PRODUCT.format("Starter"), "api: Field required"),
        (api("a", "a"), "product: Field required"),
        (PRODUCT.format("Starter") * 2 + api("a", "a"), "the product 'Starter' is there twice"),
        (PRODUCT.format("Starter") + api("a", "a") * 2, "the API 'a' is there twice"),
        (PRODUCT.format("Starter") + api("a", "s") + api("b", "s"), "the suffix 's' is there twice"),
        (PRODUCT.format("Other") + api("a", "s"), "the API 'a' is in the product 'Starter', which is not declared"),
        (PRODUCT.format("Starter") + api("a", "/s"), "api.0.suffix: String should match"),
        (PRODUCT.format("Starter") + api("a", "s", "[]"), "api.0.products: Tuple should have at least 1 item"),
        (PRODUCT.format("Starter") + api("a", "s", more="colour = 1"), "api.0.colour: Extra inputs are not permitted"),
        (
            PRODUCT.format("Starter") + api("a", "s", more='backend_url = "http://u:secret@h"'),
            "api.0.backend_url: Value error, must have no user",
        ),
        (
            PRODUCT.format("Starter") + api("a", "s", more='[api.operation_policies]\nbes-stop = "p.xml"'),
            "the API 'a' has a policy for 'bes-stop', which is no operation of its document",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, text: str, problem: str):
    with pytest.raises(ConfigurationFileError) as caught:
        load(tmp_path, text)

    assert problem in str(caught.value)
    assert f"{tmp_path}/gateway.toml" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path):
    with pytest.raises(ConfigurationFileError, match=r"none\.toml' cannot be used: No such file or directory"):
        load_configuration(tmp_path / "none.toml", suffix=None, named_values={})
