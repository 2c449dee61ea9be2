"""The documented classes and detail codes of errors, word for word, slips of the documentation included.

Source: the web service error codes page of Azure ML Studio (classic). Codes that we had to invent stand at the end.
"""

from service.errors import DocumentedError, ErrorClass

BAD_ARGUMENT = ErrorClass("BadArgument", 400, "Invalid argument provided.")
BAD_USER_ARGUMENT = ErrorClass("BadUserArgument", 400, "Invalid user argument provided.")
INVALID_OPERATION = ErrorClass("InvalidOperation", 400, "The request is invalid in the current context.")
MODULE_EXECUTION_ERROR = ErrorClass("ModuleExecutionError", 400, "Module execution encountered an error.")
UNAUTHORIZED = ErrorClass("Unauthorized", 401, "Request is unauthorized to access resource.")
NOT_FOUND = ErrorClass("NotFound", 404, "Resource not found.")
REQUEST_TIMEOUT = ErrorClass("RequestTimeout", 408, "The operation could not be completed within the permitted time.")
CONFLICT = ErrorClass("Conflict", 409, "Resource already exists.")
MEMORY_QUOTA_VIOLATION = ErrorClass(
    "MemoryQuotaViolation", 413, "The model had exceeded the memory quota assigned to it."
)
INTERNAL_ERROR = ErrorClass("InternalError", 500, "Execution encountered an internal error.")
SERVICE_UNAVAILABLE = ErrorClass("ServiceUnavailable", 503, "Service is temporarily unavailable.")
GATEWAY_TIMEOUT = ErrorClass("GatewayTimeout", 504, "The operation could not be completed within the permitted time.")

BAD_PARAMETER_VALUE = DocumentedError(
    BAD_ARGUMENT,
    "BadParameterValue",
    "The parameter value supplied does not satisfy the parameter rule on the parameter",
)
BAD_VERSION_CALL = DocumentedError(
    BAD_ARGUMENT,
    "BadVersionCall",
    "Invalid version parameter was passed during the API call: {0}. Check the API help page for passing the correct "
    "version and try again.",
)
BATCH_JOB_INPUTS_NOT_SPECIFIED = DocumentedError(
    BAD_ARGUMENT,
    "BatchJobInputsNotSpecified",
    "The following required input(s) were not specified with the request: {0}. Please ensure all input data is "
    "specified and try again.",
)
BATCH_JOB_INPUTS_TOO_MANY_SPECIFIED = DocumentedError(
    BAD_ARGUMENT,
    "BatchJobInputsTooManySpecified",
    "The request specified more inputs than defined in the service. List of accepted input(s): {0}. Please ensure all "
    "input data is specified correctly and try again.",
)
BLOB_NOT_FOUND = DocumentedError(
    # The two spaces are the documentation's.
    BAD_ARGUMENT,
    "BlobNotFound",
    "Unable to access the provided Azure blob - {0}.  Azure error message: {1}.",
)
CONTAINER_SEGMENT_INVALID = DocumentedError(
    BAD_ARGUMENT, "ContainerSegmentInvalid", "Invalid container name. Provide a valid container name and try again."
)
CONTAINER_IS_EMPTY = DocumentedError(
    BAD_ARGUMENT,
    "ContainerIsEmpty",
    "No Azure storage container name was provided. Provide a valid container name and try again.",
)
DUPLICATE_INPUT_IN_BATCH_CALL = DocumentedError(
    BAD_ARGUMENT,
    "DuplicateInputInBatchCall",
    "The batch request is invalid. Cannot specify both single and multiple input at the same time. Remove one of these "
    "items from the request and try again.",
)
INPUT_BLOB_RELATIVE_LOCATION_INVALID = DocumentedError(
    BAD_ARGUMENT,
    "InputBlobRelativeLocationInvalid",
    "No Azure storage blob name provided. Provide a valid blob name and try again.",
)
INVALID_BLOB = DocumentedError(
    BAD_ARGUMENT,
    "InvalidBlob",
    "Invalid blob specification for blob: {0}. Verify that connection string / relative path or SAS token specification"
    " is correct and try again.",
)
INVALID_BLOB_CONNECTION_STRING = DocumentedError(
    # "in invalid" is the documentation's.
    BAD_ARGUMENT,
    "InvalidBlobConnectionString",
    "The connection string specified for one of the input/output blobs in invalid: {0}. Please correct this and try "
    "again.",
)
INVALID_BLOB_EXTENSION = DocumentedError(
    BAD_ARGUMENT,
    "InvalidBlobExtension",
    "The blob reference: {0} has an invalid or missing file extension. Supported file extensions for this output type "
    'are: "{1}".',
)
INVALID_INPUT_NAMES = DocumentedError(
    BAD_ARGUMENT,
    "InvalidInputNames",
    "Invalid service input name(s) specified in the request: {0}. Please map the input data to the correct service "
    "inputs and try again.",
)
INVALID_OUTPUT_OVERRIDE_NAME = DocumentedError(
    BAD_ARGUMENT,
    "InvalidOutputOverrideName",
    "Invalid output override name: {0}. The service does not have an output node with this name. Please pass in a "
    "correct output node name to override (case sensitivity applies).",
)
INVALID_QUERY_PARAMETER = DocumentedError(BAD_ARGUMENT, "InvalidQueryParameter", "Invalid query parameter '{0}'. {1}")
MISSING_INPUT_BLOB_INFORMATION = DocumentedError(
    BAD_ARGUMENT,
    "MissingInputBlobInformation",
    "Missing Azure storage blob information. Provide a valid connection string and relative path or URI and try again.",
)
MISSING_JOB_ID = DocumentedError(
    BAD_ARGUMENT,
    "MissingJobId",
    "No job Id provided. A job Id is returned when a job was submitted for the first time. Verify the job Id is "
    "correct and try again.",
)
MISSING_OUTPUT_OVERRIDE_SPECIFICATION = DocumentedError(
    BAD_ARGUMENT,
    "MissingOutputOverrideSpecification",
    "The request is missing the blob specification for output override {0}. Please specify a valid blob location with "
    "the request, or remove the output specification if no location override is desired.",
)
MISSING_REQUEST_INPUT = DocumentedError(
    BAD_ARGUMENT,
    "MissingRequestInput",
    "The web service expects an input, but no input was provided. Ensure valid inputs are provided based on the "
    "published input ports in the model and try again.",
)
MISSING_REQUIRED_GLOBAL_PARAMETERS = DocumentedError(
    BAD_ARGUMENT,
    "MissingRequiredGlobalParameters",
    "Not all required web service parameter(s) provided. Verify the parameter(s) expected for the module(s) are "
    "correct and try again.",
)
MISSING_REQUIRED_OUTPUT_OVERRIDES = DocumentedError(
    BAD_ARGUMENT,
    "MissingRequiredOutputOverrides",
    "When calling an encrypted service endpoint it is mandatory to pass in output overrides for all the service's "
    "outputs. Missing overrides at this time for these outputs: {0}",
)
REQUEST_BODY_INVALID = DocumentedError(
    BAD_ARGUMENT, "RequestBodyInvalid", "No request body provided or error in deserializing the request body."
)
REQUEST_IS_EMPTY = DocumentedError(
    BAD_ARGUMENT, "RequestIsEmpty", "No request provided. Provide a valid request and try again."
)
UNEXPECTED_PARAMETER = DocumentedError(
    BAD_ARGUMENT,
    "UnexpectedParameter",
    "Unexpected parameters provided. Verify all parameter names are spelled correctly, only expected parameters are "
    "passed, and try again.",
)
WEB_SERVICE_ID_INVALID = DocumentedError(
    BAD_ARGUMENT, "WebServiceIdInvalid", "Invalid web service id provided. Web service id should be a valid guid."
)

INPUT_MISMATCH_ERROR = DocumentedError(
    BAD_USER_ARGUMENT, "InputMismatchError", "Input data does not match input port schema."
)
INPUT_PARSE_ERROR = DocumentedError(
    # The two spaces are the documentation's.
    BAD_USER_ARGUMENT,
    "InputParseError",
    "Parsing of input vector failed.  Verify the input vector has the correct number of columns and data types.  "
    "Additional details: {0}.",
)
USER_MISSING_REQUIRED_GLOBAL_PARAMETERS = DocumentedError(
    BAD_USER_ARGUMENT,
    "MissingRequiredGlobalParameters",
    "Parameter(s) expected by the web service are missing. Verify all the required parameters expected by the web "
    "service are correct and try again.",
)
USER_UNEXPECTED_PARAMETER = DocumentedError(
    BAD_USER_ARGUMENT,
    "UnexpectedParameter",
    "Verify only the required parameters expected by the web service are passed and try again.",
)

CANNOT_START_JOB = DocumentedError(
    INVALID_OPERATION, "CannotStartJob", "The job cannot be started because it is in {0} state."
)
MODULE_EXECUTION_FAILED = DocumentedError(MODULE_EXECUTION_ERROR, "ModuleExecutionError", "{0}")
SCORE_REQUEST_UNAUTHORIZED = DocumentedError(UNAUTHORIZED, "ScoreRequestUnauthorized", "Invalid credentials provided.")
WEB_SERVICE_ID_NOT_FOUND_IN_WORKSPACE = DocumentedError(
    NOT_FOUND,
    "WebServiceIdNotFoundInWorkspace",
    "Web service under this workspace not found. There is a mismatch between the webServiceId and the workspaceId. "
    "Verify the web service provided is part of the workspace and try again.",
)
WEB_SERVICE_NOT_FOUND = DocumentedError(
    NOT_FOUND, "WebServiceNotFound", "Web service not found. Verify the web service Id is correct and try again."
)
WORKSPACE_NOT_FOUND = DocumentedError(
    NOT_FOUND, "WorkspaceNotFound", "Workspace not found. Verify the workspace Id is correct and try again."
)
SCORE_REQUEST_TIMEOUT = DocumentedError(REQUEST_TIMEOUT, "ScoreRequestTimeout", "Execution request timed out.")
REQUEST_CANCELED = DocumentedError(REQUEST_TIMEOUT, "RequestCanceled", "Request was canceled by the client.")
OUT_OF_MEMORY_LIMIT = DocumentedError(
    MEMORY_QUOTA_VIOLATION,
    "OutOfMemoryLimit",
    "The model consumed more memory than was appropriated for it. Maximum allowed memory for the model is {0} MB. "
    "Please check your model for issues.",
)
REQUEST_THROTTLED = DocumentedError(
    SERVICE_UNAVAILABLE,
    "RequestThrottled",
    "Request was throttled for {0} endpoint. The maximum concurrency for the endpoint is {1}.",
)
NO_MORE_RESOURCES = DocumentedError(SERVICE_UNAVAILABLE, "NoMoreResources", "No resources available for request.")
BACKEND_SCORE_TIMEOUT = DocumentedError(GATEWAY_TIMEOUT, "BackendScoreTimeout", "Execution request timed out.")
MODEL_OUTPUT_METADATA_MISMATCH = DocumentedError(
    CONFLICT, "ModelOutputMetadataMismatch", "The model's output does not match its metadata."
)
PROCESS_TERMINATED = DocumentedError(
    INTERNAL_ERROR, "ContainerProcessTerminatedWithUnknownError", "The process that executed the request ended."
)
UNKNOWN_ERROR = DocumentedError(INTERNAL_ERROR, "UnknownError", "Unknown error.")

# The documentation has no code for these two: they are ours.
JOB_NOT_FOUND = DocumentedError(
    NOT_FOUND, "JobNotFound", "Job {0} not found. Verify the job Id is correct and try again."
)
RESOURCE_NOT_FOUND = DocumentedError(
    NOT_FOUND, "ResourceNotFound", "There is no operation {0} {1}. Verify the method and the path and try again."
)
