from tests.service.running import RunningService


def test_swagger_needs_no_key_and_has_what_clients_look_for(web_service: RunningService) -> None:
    answer = web_service.call("GET", f"{web_service.base}/swagger.json", headers={"Authorization": ""})
    assert answer.status == 200
    document = answer.json
    assert document["swagger"] == "2.0"
    assert document["info"]["title"] == "SimpleFeatureHashingExperiment"
    assert f"http://{document['host']}{document['basePath']}" == web_service.base
    definitions = document["definitions"]
    assert list(definitions["input1Item"]["properties"]) == ["Col2"]
    assert definitions["output1Item"]["properties"]["Col2_HashingFeature.7"] == {"type": "integer", "format": "int32"}
    assert list(definitions["ExecutionRequest"]["example"]["Inputs"]["input1"][0]) == ["Col2"]
    assert definitions["ExecutionRequest"]["example"]["GlobalParameters"] == {"Hashing bitsize": 3, "N-grams": 2}


def test_paths_of_swagger_answer_with_its_own_example(web_service: RunningService) -> None:
    document = web_service.call("GET", f"{web_service.base}/swagger.json").json
    [path] = [path for path in document["paths"] if "/execute?" in path]
    assert document["paths"][path]["post"]["operationId"] == "execute"
    example = document["definitions"]["ExecutionRequest"]["example"]
    answer = web_service.call("POST", web_service.base + path, example)
    assert answer.status == 200
    assert list(answer.json["Results"]["output1"][0]) == list(document["definitions"]["output1Item"]["properties"])


def test_every_reference_in_swagger_leads_somewhere(web_service: RunningService) -> None:
    document = web_service.call("GET", f"{web_service.base}/swagger.json").json

    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [found for member in value.values() for found in references(member)]
        return [found for member in value for found in references(member)] if isinstance(value, list) else []

    found = {reference.removeprefix("#/definitions/") for reference in references(document)}
    assert found
    assert found <= set(document["definitions"])
