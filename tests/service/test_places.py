import pytest

from bes.protocol import BlobReference
from service.errors import ServiceError
from service.places import host_of, is_allowed, read_connection_string, same_blob
from service.storage_policy import StoragePolicy

KEY = "c2VjcmV0LWtleQ=="
ACCOUNT = f"DefaultEndpointsProtocol=https;AccountName=mystorage;AccountKey={KEY}"
HOSTS = ("mystorage.blob.core.windows.net:443", "127.0.0.1:10000")
POLICY = StoragePolicy(allowed_hosts=HOSTS, own_account=None, output_container="outputs")
TOKEN = "?sv=2015-04-05&sr=b&sig=abc%2Fdef%3D&se=2015-04-05T05%3A44%3A55Z&sp=r"


def by_account(path: str, connection_string: str = ACCOUNT) -> BlobReference:
    return BlobReference(connection_string=connection_string, relative_location=path)


def by_address(base: str | None, path: str | None, token: str | None = TOKEN) -> BlobReference:
    return BlobReference(base_location=base, relative_location=path, sas_blob_token=token)


def refusal(reference: BlobReference) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        POLICY.place(reference)
    assert KEY not in caught.value.message
    assert "sig" not in caught.value.message
    return caught.value


@pytest.mark.parametrize("path", ["/container/folder/data.csv", "container/folder/data.csv"])
def test_path_is_taken_with_and_without_leading_slash(path: str) -> None:
    place = POLICY.place(by_account(path))
    assert (place.container, place.name) == ("container", "folder/data.csv")
    assert place.url == "https://mystorage.blob.core.windows.net/container/folder/data.csv"


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("https://mystorage.blob.core.windows.net/", "container/my%20data.csv"),
        ("https://mystorage.blob.core.windows.net", "/container/my data.csv"),
        ("https://mystorage.blob.core.windows.net/container/", "my data.csv"),
    ],
)
def test_address_is_what_its_parts_give_when_joined(base: str, path: str) -> None:
    place = POLICY.place(by_address(base, path))
    assert place.url == "https://mystorage.blob.core.windows.net/container/my%20data.csv"
    assert place.sas_token == TOKEN[1:]


def test_address_with_an_account_in_its_path_keeps_it() -> None:
    place = POLICY.place(by_address("http://127.0.0.1:10000/account/", "container/data.tsv"))
    assert place.url == "http://127.0.0.1:10000/account/container/data.tsv"
    assert place.delimiter == "\t"


def test_long_connection_string_is_read_by_its_blob_endpoint() -> None:
    text = (
        "DefaultEndpointsProtocol=https;BlobEndpoint=http://127.0.0.1:10000/acct/;TableEndpoint=https://t;"
        f"QueueEndpoint=https://q;FileEndpoint=https://f;AccountName=acct;AccountKey={KEY};"
    )
    assert read_connection_string(text).url == "http://127.0.0.1:10000/acct"


def test_same_blob_is_recognised_in_both_forms() -> None:
    one = POLICY.place(by_account("container/my data.csv"))
    other = POLICY.place(by_address("https://mystorage.blob.core.windows.net/", "container/my%20data.csv"))
    assert same_blob(one, other)
    assert not same_blob(one, POLICY.place(by_account("container/your data.csv")))


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        (by_address(None, None, None), "MissingInputBlobInformation"),
        (by_address(None, "container/a.csv"), "MissingInputBlobInformation"),
        (by_account(""), "InputBlobRelativeLocationInvalid"),
        (by_account("/"), "InputBlobRelativeLocationInvalid"),
        (by_account("container/"), "InputBlobRelativeLocationInvalid"),
        (by_account("//data.csv"), "ContainerIsEmpty"),
        (by_account("data.csv"), "ContainerSegmentInvalid"),
        (by_account("Container/data.csv"), "ContainerSegmentInvalid"),
        (by_account("container/training/input"), "InvalidBlobExtension"),
        (by_account("container/data.arff"), "InvalidBlobExtension"),
        (by_account("container/../other/data.csv"), "InvalidBlob"),
        (by_account("container/a\nb.csv"), "InvalidBlob"),
        (by_account("container/" + "a" * 1025 + ".csv"), "InvalidBlob"),
        (by_account("container/a.csv", "nonsense"), "InvalidBlobConnectionString"),
        (by_account("container/a.csv", "AccountName=mystorage"), "InvalidBlobConnectionString"),
        (by_account("container/a.csv", f"AccountKey={KEY}"), "InvalidBlobConnectionString"),
        (by_account("container/a.csv", "AccountName=mystorage;AccountKey=no base64"), "InvalidBlobConnectionString"),
        (by_account("c-c/a.csv", f"BlobEndpoint=x://a;AccountName=a;AccountKey={KEY}"), "InvalidBlobConnectionString"),
        (by_address("ftp://mystorage.blob.core.windows.net/", "container/a.csv"), "InvalidBlob"),
        (by_address("https://mystorage.blob.core.windows.net/", "container/a.csv", None), "InvalidBlob"),
        (by_address("https://mystorage.blob.core.windows.net/", "container/a.csv", "?sig=a b"), "InvalidBlob"),
        (by_address("https://mystorage.blob.core.windows.net/", "container/%2e%2e/a.csv"), "InvalidBlob"),
    ],
)  # fmt: skip
def test_wrong_reference_gets_its_documented_code(reference: BlobReference, code: str) -> None:
    assert refusal(reference).code == code


def test_query_cannot_be_smuggled_into_a_path() -> None:
    place = POLICY.place(by_address("https://mystorage.blob.core.windows.net/", "container/a.csv?comp=acl&x=.csv"))
    assert place.url.endswith("/container/a.csv%3Fcomp%3Dacl%26x%3D.csv")


@pytest.mark.parametrize(
    "base",
    [
        "http://169.254.169.254/metadata/",
        "http://127.0.0.1:10001/account/",
        "http://127.0.0.1/account/",
        "https://evil.example/mystorage.blob.core.windows.net/",
        "https://mystorage.blob.core.windows.net@evil.example/a/",
        "https://evil.example\\@mystorage.blob.core.windows.net/a/",
        "https://mystorage.blob.core.windows.net.evil.example/a/",
        "https://mystorage.blob.core.windows.net:8443/a/",
    ],
)
def test_host_that_is_not_allowed_is_refused_before_any_call(base: str) -> None:
    error = refusal(by_address(base, "container/data.csv"))
    assert error.code == "InvalidBlob"


def test_host_of_a_connection_string_must_be_allowed_too() -> None:
    text = f"BlobEndpoint=http://10.0.0.1:80/a;AccountName=a;AccountKey={KEY}"
    assert "'10.0.0.1:80'" in refusal(by_account("container/a.csv", text)).message


@pytest.mark.parametrize(
    ("host", "allowed", "is_so"),
    [
        ("a.blob.core.windows.net:443", ("a.blob.core.windows.net",), True),
        ("a.blob.core.windows.net:8080", ("a.blob.core.windows.net",), False),
        ("a.blob.core.windows.net:443", ("*.blob.core.windows.net",), True),
        ("blob.core.windows.net:443", ("*.blob.core.windows.net",), False),
        ("127.0.0.1:10000", ("127.0.0.1:10000",), True),
        ("127.0.0.1:10000", (), False),
    ],
)
def test_allowed_hosts_match_by_name_port_and_subdomain(host: str, allowed: tuple[str, ...], is_so: bool) -> None:
    assert is_allowed(host, allowed) is is_so


@pytest.mark.parametrize("url", ["http://a:b@c/", "//a/", "http://[::1", "http://a:99999/", "http://a/?x=y", "x"])
def test_address_that_is_not_plain_has_no_host(url: str) -> None:
    assert host_of(url) is None


def test_text_of_a_place_shows_no_credential() -> None:
    place = POLICY.place(by_account("container/data.csv"))
    assert KEY not in repr(place)
    assert KEY not in str(place)
    assert str(place) == "container/data.csv"
