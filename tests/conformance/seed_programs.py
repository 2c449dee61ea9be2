"""The guide's two programs with their blanks filled in, as their readers do it."""

import re
from pathlib import Path

from tests.conformance.sites import CONTAINER, Site

HERE = Path(__file__).parent


def filled_in(program: str, site: Site, blanks: dict[str, str]) -> str:
    """The program with its blanks filled in, and with our addresses instead of Azure's."""
    account = dict(part.split("=", 1) for part in site.connection_string.rstrip(";").split(";"))
    blanks = {
        '"https://ussouthcentral.services.azureml.net': f'"{site.address}',
        '"https://" + storage_account_name + ".blob.core.windows.net"': repr(account["BlobEndpoint"]),
        '"DefaultEndpointsProtocol=https;': f'"DefaultEndpointsProtocol=http;BlobEndpoint={account["BlobEndpoint"]};',
        "WORKSPACE ID>": site.workspace,
        "SERVICE ID>": site.service,
        # The two programs word it in two ways.
        "SERVICE API KEY>": site.api_key,
        "API KEY FOR YOUR WEB SERVICE>": site.api_key,
        "STORAGE ACCOUNT NAME>": account["AccountName"],
        "AZURE STORAGE KEY>": account["AccountKey"],
        "CONTAINER NAME>": CONTAINER,
        **blanks,
    }
    text = (HERE / f"{program}.py").read_text()
    for blank, value in blanks.items():
        if blank.endswith(">"):
            text = re.sub(rf'"<REPLACE WITH [^>"]*{re.escape(blank)}"', lambda _, value=value: repr(value), text)
        else:
            text = text.replace(blank, value)
    # What the gateway adds to the guide's own story: its key, where a caller can put it without any other change.
    text = text.replace("api-version=2.0", f"api-version=2.0{site.gateway_query}")
    assert "<REPLACE" not in text
    assert "azureml.net" not in text
    assert "windows.net" not in text
    return text
