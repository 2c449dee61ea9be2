import http.client
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.service.conftest import TWO_PORTS
from tests.service.running import DEADLINE_SECONDS, Answer, Keys, RunningService, running_service, wait_until

TEXT = "This is a good day"
COUNTS = ["1", "1", "2", "2", "0", "2", "0", "1"]
NAMES = [f"Col2_HashingFeature.{index}" for index in range(8)]
EMPTY = ["0"] * 8


def table(*cells: object, columns: list[str] | None = None) -> dict[str, Any]:
    return {"ColumnNames": columns or ["Col2"], "Values": [[cell] for cell in cells]}


def request(value: object, parameters: object = None, port: str = "input1") -> dict[str, Any]:
    return {"Inputs": {port: value}, "GlobalParameters": parameters}


def values(service: RunningService, body: object, query: str = "api-version=2.0") -> list[list[str]]:
    answer = service.execute(body, query)
    assert answer.status == 200, answer.body
    return answer.json["Results"]["output1"]["value"]["Values"]


def test_details_add_names_and_types_of_columns(web_service: RunningService) -> None:
    answer = web_service.execute(request(table(TEXT)), "api-version=2.0&details=true")
    assert answer.body.decode() == json.dumps(
        {
            "Results": {
                "output1": {
                    "type": "table",
                    "value": {"ColumnNames": NAMES, "ColumnTypes": ["Int32"] * 8, "Values": [COUNTS]},
                }
            }
        },
        separators=(",", ":"),
    )


@pytest.mark.parametrize("query", ["api-version=2.0", "api-version=2.0&details=false", "details=False&api-version=2.0"])
def test_answer_without_details_holds_the_values_alone(web_service: RunningService, query: str) -> None:
    answer = web_service.execute(request(table(TEXT)), query)
    assert answer.json == {"Results": {"output1": {"type": "table", "value": {"Values": [COUNTS]}}}}
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("query", ["api-version=2.0&format=swagger", "api-version=2.0&details=true&format=swagger"])
def test_swagger_form_gives_a_list_of_objects_for_a_list_of_objects(web_service: RunningService, query: str) -> None:
    answer = web_service.execute(request([{"Col2": TEXT}, {"Col2": None}]), query)
    assert answer.json == {
        "Results": {"output1": [dict(zip(NAMES, COUNTS, strict=True)), dict(zip(NAMES, EMPTY, strict=True))]}
    }


def test_both_forms_of_input_give_the_same_counts(web_service: RunningService) -> None:
    assert values(web_service, request([{"Col2": TEXT}])) == values(web_service, request(table(TEXT)))


def test_rows_keep_their_order_across_many_blocks(web_service: RunningService) -> None:
    rows = values(web_service, request(table(*[str(index) if index % 1000 else TEXT for index in range(25_000)])))
    assert len(rows) == 25_000
    assert [index for index, row in enumerate(rows) if row == COUNTS] == list(range(0, 25_000, 1000))


def test_cells_may_be_numbers_truths_and_null(web_service: RunningService) -> None:
    as_json = values(web_service, request(table(12, 1.5, True, None)))
    as_text = values(web_service, request(table("12", "1.5", "True", "")))
    assert as_json == as_text


def test_no_rows_give_no_rows(web_service: RunningService) -> None:
    assert values(web_service, request(table())) == []


def test_columns_without_names_are_taken_in_declared_order(web_service: RunningService) -> None:
    assert values(web_service, request({"Values": [[TEXT]]})) == [COUNTS]


def test_global_parameters_change_the_output(web_service: RunningService) -> None:
    [row] = values(web_service, request(table(TEXT), {"Hashing bitsize": "4", "N-grams": 1}))
    assert len(row) == 16
    assert sum(map(int, row)) == 5


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/json", "Content-Encoding": "UTF-8", "Accept": "text/json", "Accept-Charset": "UTF-8"},
        {"Content-Type": "application/json; charset=us-ascii"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Ocp-Apim-Subscription-Key": "gateway-key"},
    ],
)
def test_headers_of_old_clients_are_no_obstacle(web_service: RunningService, headers: dict[str, str]) -> None:
    assert web_service.execute(request(table(TEXT)), headers=headers).status == 200


def test_subscription_key_in_the_query_is_no_obstacle(web_service: RunningService) -> None:
    assert values(web_service, request(table(TEXT)), "api-version=2.0&subscription-key=secret") == [COUNTS]


def test_byte_order_mark_is_no_obstacle(web_service: RunningService) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(request(table(TEXT))).encode()
    assert web_service.execute(body).status == 200


BAD_ARGUMENT = (400, "BadArgument")
BAD_USER_ARGUMENT = (400, "BadUserArgument")


@pytest.mark.parametrize(
    ("body", "expected", "tail"),
    [
        (b"", (*BAD_ARGUMENT, "RequestBodyInvalid"), ""),
        (b"{", (*BAD_ARGUMENT, "RequestBodyInvalid"), ""),
        (b"\xff\xfe", (*BAD_ARGUMENT, "RequestBodyInvalid"), ""),
        (b"[" * 100_000, (*BAD_ARGUMENT, "RequestBodyInvalid"), ""),
        (b'{"Inputs":{"input1":{"Values":[["\\ud800"]]}}}', (*BAD_ARGUMENT, "RequestBodyInvalid"), ""),
        (b"null", (*BAD_ARGUMENT, "RequestIsEmpty"), ""),
        ([1], (*BAD_ARGUMENT, "RequestBodyInvalid"), "The body must be a JSON object."),
        ({"Inputs": 3}, (*BAD_ARGUMENT, "RequestBodyInvalid"), "Inputs must be an object."),
        ({"Inputs": {}, "GlobalParameters": [1]}, (*BAD_ARGUMENT, "RequestBodyInvalid"), ""),
        ({}, (*BAD_ARGUMENT, "MissingRequestInput"), ""),
        ({"Inputs": {"input1": None}}, (*BAD_ARGUMENT, "MissingRequestInput"), ""),
        (request(table(TEXT), port="input2"), (*BAD_ARGUMENT, "InvalidInputNames"), "Did you mean 'input1'?"),
        (request("text"), (*BAD_ARGUMENT, "RequestBodyInvalid"), ""),
        (request({"ColumnNames": ["Col2"]}), (*BAD_ARGUMENT, "RequestBodyInvalid"), "Values: Field required."),
        (request({"Values": [["a"], "b"]}), (*BAD_ARGUMENT, "RequestBodyInvalid"), ""),
        (request(table("a", columns=["col2"])), (*BAD_USER_ARGUMENT, "InputMismatchError"), "Did you mean 'Col2'?"),
        (request({"ColumnNames": [], "Values": []}), (*BAD_USER_ARGUMENT, "InputMismatchError"), "exactly once."),
        (
            request({"ColumnNames": ["Col2", "Col2"], "Values": [["a", "b"]]}),
            (*BAD_USER_ARGUMENT, "InputMismatchError"),
            "exactly once.",
        ),
        (request([{"Col1": "a"}]), (*BAD_USER_ARGUMENT, "InputMismatchError"), "Did you mean 'Col2'?"),
        (request([{"Col2": "a", "x": "b"}]), (*BAD_USER_ARGUMENT, "InputMismatchError"), "no column 'x'."),
        (request([{}]), (*BAD_USER_ARGUMENT, "InputMismatchError"), "exactly once."),
        (
            request({"ColumnNames": ["Col2"], "Values": [["a"], ["b", "c"]]}),
            (*BAD_USER_ARGUMENT, "InputParseError"),
            "Additional details: row 2 of input 'input1' has 2 cells for 1 columns.",
        ),
        (request(["a"]), (*BAD_USER_ARGUMENT, "InputParseError"), "row 1 of input 'input1' is not an object."),
        (request(table({"a": 1})), (*BAD_USER_ARGUMENT, "InputParseError"), "no plain value in column 'Col2'."),
        (request(table(TEXT), {"bits": 3}), (*BAD_USER_ARGUMENT, "UnexpectedParameter"), "Unexpected: 'bits'."),
        (
            request(table(TEXT), {"N-gram": 3}),
            (*BAD_USER_ARGUMENT, "UnexpectedParameter"),
            "Unexpected: 'N-gram'. Did you mean 'N-grams'?",
        ),
        (request(table(TEXT), {"N-grams": "two"}), (*BAD_ARGUMENT, "BadParameterValue"), "must be of type Int32."),
        (request(table(TEXT), {"Hashing bitsize": 17}), (*BAD_ARGUMENT, "BadParameterValue"), "1 to 16."),
        (
            request(table(*["a"] * 400), {"Hashing bitsize": 16}),
            (413, "MemoryQuotaViolation", "OutOfMemoryLimit"),
            "",
        ),
    ],
)  # fmt: skip
def test_wrong_request_gets_its_documented_error(
    web_service: RunningService, body: object, expected: tuple[int, str, str], tail: str
) -> None:
    answer = web_service.execute(body)
    assert answer.codes == expected
    assert answer.message.endswith(tail)


@pytest.mark.parametrize(
    ("query", "code", "value"),
    [
        ("", "BadVersionCall", "API call: none. Check"),
        ("api-version=1.0", "BadVersionCall", "API call: 1.0. Check"),
        ("api-version=2.0&api-version=1.0", "BadVersionCall", "2.0, 1.0"),
        ("api-version=2.0&details=maybe", "InvalidQueryParameter", "Invalid query parameter 'details'."),
        ("api-version=2.0&format=xml", "InvalidQueryParameter", "Invalid query parameter 'format'."),
    ],
)
def test_wrong_query_gets_its_documented_error(web_service: RunningService, query: str, code: str, value: str) -> None:
    answer = web_service.execute(request(table(TEXT)), query)
    assert answer.codes == (400, "BadArgument", code)
    assert value in answer.message


def test_several_inputs_and_outputs_go_by_their_names(web_service: RunningService) -> None:
    service = web_service.at(TWO_PORTS)
    left, right = table("one", columns=["a"]), table("one two three", "four", columns=["b"])
    answer = service.execute({"Inputs": {"right": right, "left": left}})
    assert list(answer.json["Results"]) == ["hashed_right", "hashed_left"]
    sizes = {name: [len(row) for row in output["value"]["Values"]] for name, output in answer.json["Results"].items()}
    assert sizes == {"hashed_right": [2, 2], "hashed_left": [4]}
    missing = service.execute({"Inputs": {"left": left}})
    assert missing.codes == (400, "BadArgument", "BatchJobInputsNotSpecified")
    assert ": right." in missing.message
    body = {"Inputs": {"left": service.upload("l.csv", "a\none\n"), "right": service.upload("r.csv", "b\none\ntwo\n")}}
    status = service.ended(service.run(body))
    assert status["StatusCode"] == "Finished", status
    assert list(status["Results"]) == ["hashed_right", "hashed_left"]
    only = service.submit({"Input": service.reference("l.csv")})
    assert only.codes == (400, "BadArgument", "BatchJobInputsNotSpecified")


# Ten million cells keep a process busy for seconds, three million for one.
HEAVY = request(table(*["a b c"] * 300), {"Hashing bitsize": 15})
LESS_HEAVY = request(table(*["a b c"] * 400), {"Hashing bitsize": 13})


def test_request_that_takes_too_long_gets_408_and_the_next_one_is_served(azurite: Any, tmp_path: Path) -> None:
    with running_service(tmp_path, azurite.connection_string, keys=Keys(), request_timeout_seconds=1) as service:
        assert service.execute(HEAVY).codes == (408, "RequestTimeout", "ScoreRequestTimeout")
        answer = wait_until(lambda: (got := service.execute(request(table(TEXT)))).status == 200 and got)
        assert answer.json["Results"]["output1"]["value"]["Values"] == [COUNTS]


def test_more_requests_at_a_time_than_allowed_are_throttled(azurite: Any, tmp_path: Path) -> None:
    with running_service(tmp_path, azurite.connection_string, keys=Keys(), max_concurrent_requests=1) as service:
        answers: list[Answer] = []
        threads = [threading.Thread(target=lambda: answers.append(service.execute(LESS_HEAVY))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_SECONDS)
        refused, *_, served = sorted(answers, key=lambda answer: -answer.status)
        assert served.status == 200
        assert refused.codes == (503, "ServiceUnavailable", "RequestThrottled")
        assert refused.message == (
            "Request was throttled for SimpleFeatureHashingExperiment endpoint. "
            "The maximum concurrency for the endpoint is 1."
        )
        assert service.execute(request(table(TEXT))).status == 200


def test_client_that_goes_away_in_the_middle_leaves_no_traceback(web_service: RunningService) -> None:
    address = urlsplit(web_service.base)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    connection.putrequest("POST", f"{address.path}/execute?api-version=2.0")
    connection.putheader("Authorization", f"Bearer {web_service.api_key}")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b'{"Inputs":')
    connection.close()
    assert web_service.execute(request(table(TEXT))).status == 200
    assert "Traceback" not in web_service.log.read_text()
