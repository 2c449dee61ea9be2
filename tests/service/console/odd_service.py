"""A web service whose every name is an attack on the page that shows it, with a column of each type."""

NAME = "<script>alert('name')</script>"
TEXT_COLUMN = '"><img src=x onerror=alert(1)>'
PORT = "in'put\"; $(touch x) `y` </pre>"
PARAMETER = "required & <b>bold</b>"

WORKSPACE = "a" * 32
SERVICE = "b" * 32
SUBSCRIPTION = "c" * 32


def declaration(key_hash: str) -> str:
    return f'''
[[services]]
name = "{_quoted(NAME)}"
workspace_id = "{WORKSPACE}"
service_id = "{SERVICE}"
subscription_id = "{SUBSCRIPTION}"
key_hashes = ["{key_hash}"]

[services.model]
type = "feature_hashing"
column = "{_quoted(TEXT_COLUMN)}"
bits = 1

[[services.inputs]]
name = "{_quoted(PORT)}"
columns = [
    {{ name = "{_quoted(TEXT_COLUMN)}", type = "String" }},
    {{ name = "count", type = "Int32" }},
    {{ name = "share", type = "Double" }},
    {{ name = "is good", type = "Boolean" }},
    {{ name = "when", type = "DateTime" }},
]

[[services.outputs]]
name = "output1"
columns = [{", ".join(f'{{ name = "c{index}", type = "Int32" }}' for index in range(250))}]

[[services.global_parameters]]
name = "{_quoted(PARAMETER)}"
type = "Double"
minimum = 0.5
'''


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
