"""Errors of libraries by class and by words, with what they mean and what mends them."""

import re

from leaf_ray.core.failures.plain_system import AGAIN, NETWORK, RAY_TOKEN, RERUN
from leaf_ray.errors import (
    ClusterError,
    ConfigError,
    DamagedPart,
    EndpointError,
    InputError,
    LeafRayError,
    MemoryExhausted,
    ModelNotFound,
    StorageError,
)

_MEMORY = (
    "lower batch sizes and the number of actors or workers (embed.actors, "
    "embed.batch_tokens, distill.batch_size, distill.workers) or use a larger machine, " + AGAIN
)

Told = tuple[type[LeafRayError], str]
# Our class for each library error, by package and class name, with a message that says what was
# found and what to do. `{said}` stands for the first line of the error.
CLASSES: dict[tuple[str, str], Told] = {
    ("builtins", "MemoryError"): (MemoryExhausted, f"the memory is used up: {_MEMORY}"),
    ("pyarrow", "ArrowMemoryError"): (MemoryExhausted, f"the memory is used up: {_MEMORY}"),
    ("torch", "OutOfMemoryError"): (MemoryExhausted, "the GPU's memory is used up: " + _MEMORY),
    ("ray", "OutOfMemoryError"): (
        MemoryExhausted,
        f"Ray ended a worker because the machine ran out of memory: {_MEMORY}",
    ),
    ("ray", "ObjectStoreFullError"): (
        MemoryExhausted,
        "Ray's object store is full: give it more memory (/dev/shm, or `ray start "
        f"--object-store-memory`) or lower embed.actors, {AGAIN}",
    ),
    ("ray", "OutOfDiskError"): (
        StorageError,
        "the disk of Ray's temporary folder is full: free some space there, or name another "
        f"with RAY_TMPDIR, {AGAIN}",
    ),
    ("ray", "AuthenticationError"): (
        ClusterError,
        f"the Ray cluster does not accept this machine's token: {RAY_TOKEN}",
    ),
    ("ray", "RuntimeEnvSetupError"): (
        ClusterError,
        "Ray could not prepare the environment of its workers ({said}): install leaf_ray on "
        "every node, or mend the runtime environment of the job",
    ),
    ("ray", "LocalRayletDiedError"): (
        ClusterError,
        f"Ray's own process on this machine (raylet) died: free memory and disk, {AGAIN}",
    ),
    ("ray", "NodeDiedError"): (ClusterError, f"a node of the Ray cluster was lost: {RERUN}"),
    ("ray", "WorkerCrashedError"): (
        ClusterError,
        "a worker process died without a word, as it does when memory runs out or a library "
        f"crashes: {_MEMORY}",
    ),
    ("ray", "RayActorError"): (
        ClusterError,
        "a worker process was lost, as it is when memory runs out or a node goes ({said}): "
        + _MEMORY,
    ),
    ("ray", "GetTimeoutError"): (ClusterError, f"Ray did not answer in time: {RERUN}"),
    ("ray", "ObjectLostError"): (
        ClusterError,
        f"what a worker had made was lost with its node or process: {RERUN}",
    ),
    ("ray", "TaskUnschedulableError"): (
        ClusterError,
        "no node of the cluster has room for the work ({said}): add nodes, or lower what each "
        "worker asks for",
    ),
    ("ray", "ActorUnschedulableError"): (
        ClusterError,
        "no node of the cluster has room for the work ({said}): add nodes, or lower what each "
        "worker asks for",
    ),
    ("ray", "RpcError"): (ClusterError, f"the Ray cluster does not answer ({{said}}): {NETWORK}"),
    ("ray", "RayError"): (ClusterError, f"Ray failed ({{said}}): {RERUN}"),
    ("pyarrow", "ArrowException"): (
        InputError,
        "the data cannot be held or converted as they are ({said}): mend what is named",
    ),
    ("json", "JSONDecodeError"): (
        InputError,
        "a JSON file is cut short or no JSON ({said}): write or make it again",
    ),
    ("yaml", "YAMLError"): (ConfigError, "a YAML file cannot be read ({said}): mend it"),
    ("builtins", "UnicodeDecodeError"): (
        InputError,
        "a text is not UTF-8 ({said}): convert it, for example with iconv",
    ),
    ("builtins", "UnicodeEncodeError"): (
        InputError,
        "a text cannot be written in this terminal's or file's encoding ({said}): set "
        "LC_ALL=C.UTF-8 or PYTHONUTF8=1, or mend the text",
    ),
    ("pydantic_core", "ValidationError"): (ConfigError, "a value is not valid ({said}): mend it"),
    ("safetensors", "SafetensorError"): (
        ModelNotFound,
        "a model's weights are damaged or cut short ({said}): copy or download the model again",
    ),
    ("tokenizers", "Exception"): (
        ModelNotFound,
        "the tokenizer does not load ({said}): copy or download the model again",
    ),
    ("huggingface_hub", "HfHubHTTPError"): (
        ModelNotFound,
        "the model hub refused or did not answer ({said}): check the model's name and HF_TOKEN, or "
        "name a local folder",
    ),
    ("httpx", "TimeoutException"): (EndpointError, f"nothing answered in time: {NETWORK}"),
    ("httpx", "HTTPError"): (EndpointError, f"a request failed ({{said}}): {NETWORK}"),
    ("httpx2", "HTTPError"): (EndpointError, f"a request failed ({{said}}): {NETWORK}"),
    ("requests", "RequestException"): (EndpointError, f"a request failed ({{said}}): {NETWORK}"),
    ("zipfile", "BadZipFile"): (InputError, "an archive is damaged ({said}): fetch it again"),
    ("zstandard", "ZstdError"): (
        InputError,
        "a compressed file is damaged ({said}): fetch it again",
    ),
    ("zlib", "error"): (InputError, "a compressed file is damaged ({said}): fetch it again"),
    ("gzip", "BadGzipFile"): (InputError, "a compressed file is damaged ({said}): fetch it again"),
    ("_lzma", "LZMAError"): (InputError, "a compressed file is damaged ({said}): fetch it again"),
    ("builtins", "EOFError"): (InputError, "a file is cut short ({said}): fetch or make it again"),
}

# Errors that only their message tells apart: a pattern for it in any case, and what it means.
TEXTS: tuple[tuple[re.Pattern[str], Told], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), told)
    for pattern, told in (
        (
            r"cuda.{0,20}out of memory|cuda_error_out_of_memory",
            (MemoryExhausted, "the GPU's memory is used up: " + _MEMORY),
        ),
        (
            r"can't allocate memory|cannot allocate memory|std::bad_alloc|malloc of size",
            (MemoryExhausted, f"the memory is used up: {_MEMORY}"),
        ),
        (
            r"can't start new thread",
            (MemoryExhausted, f"the system gives no more threads: raise `ulimit -u`, {AGAIN}"),
        ),
        (
            r"could not determine home directory",
            (
                StorageError,
                "this user has no home folder to cache models in: set LEAF_RAY_CACHE to a folder "
                "and LEAF_RAY_MODELS",
            ),
        ),
        (
            r"aws error (access_denied|invalid_access_key_id|signature_does_not_match|"
            r"unrecognized_client|missing_authentication_token)|no aws credentials|"
            r"invalidaccesskeyid|signaturedoesnotmatch|aws error .{0,60}http status 40[13]|"
            r"accessdenied",
            (
                StorageError,
                "the object storage refuses access ({said}): set the credentials "
                "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION) of a user who may read and "
                "write there",
            ),
        ),
        (
            r"loading credential|failed to get aws credentials|credentials? provider|"
            r"imds|failed to load.{0,20}credential",
            (
                StorageError,
                "no credentials for the object storage were found ({said}): set "
                "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or AWS_PROFILE",
            ),
        ),
        (
            r"nosuchbucket|aws error no_such_bucket|bucket .{0,80} not found|bucket.{0,30}exist",
            (StorageError, "the bucket is not there ({said}): make it, or name another"),
        ),
        (
            r"aws error (network_connection|unknown)|error sending request|dns error|"
            r"failed to lookup address|couldn.t connect to server|curlcode|"
            r"name or service not known|temporary failure in name resolution",
            (
                StorageError,
                "the object storage or another server cannot be reached ({said}): check "
                f"AWS_ENDPOINT_URL, the network and the proxy settings, {AGAIN}",
            ),
        ),
        (
            r"aws error",
            (StorageError, f"the object storage failed ({{said}}): check the bucket, {AGAIN}"),
        ),
        (
            r"parquet (file|magic)|not a parquet file|parquet input|thrift|snappy|"
            r"page header|corrupt(ed)? (data|snappy|file)|unexpected end of stream|"
            r"deserializ.{0,30}page|invalid column metadata",
            (
                DamagedPart,
                "a Parquet file is damaged or cut short ({said}): make its part again with "
                "--again, or copy the file again if it is yours",
            ),
        ),
        (
            r"lanceerror\(|lance error|\.lance\b.{0,200}not found|lance::",
            (
                DamagedPart,
                "the LanceDB table is damaged or files of it are missing ({said}): make it again "
                "with `leaf index FILE --again`",
            ),
        ),
    )
)

# The extra that installs a package.
EXTRAS = {"datasets": "hf", "mteb": "mteb", "onnxruntime": "onnx", "onnxscript": "onnx"}
