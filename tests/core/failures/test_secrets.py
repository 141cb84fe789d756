import pytest

from leaf_ray.core.failures.secrets import without_secrets

ENVIRONMENT = {
    "OPENAI_API_KEY": "abcdefgh12345",
    "HF_TOKEN": "short",
    "RAY_AUTH_MODE": "token-authentication",
    "AWS_SHARED_CREDENTIALS_FILE": "/home/me/.aws/credentials",
    "PATH": "/usr/bin:/usr/local/bin",
    "MY_KEY": "a value of a key",
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("refused abcdefgh12345 twice: abcdefgh12345", "refused *** twice: ***"),
        ("sent a value of a key", "sent ***"),
        ("s3://me:word@bucket/a is closed", "s3://***@bucket/a is closed"),
        ("https://a.b/c?X-Signature=12&y=1 'x'", "https://a.b/c?*** 'x'"),
        (
            "aws_secret_access_key=AbC/d texts.path=a.jsonl",
            "aws_secret_access_key=*** texts.path=a.jsonl",
        ),
        ("{'api_key': 'xyz', 'k': 1}", "{'api_key': '***', 'k': 1}"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("hf_AbCdEfGhIj and sk-proj-abcdefghi", "*** and ***"),
    ],
)
def test_what_may_be_a_secret_is_struck_out(text: str, said: str) -> None:
    assert without_secrets(text, ENVIRONMENT) == said


@pytest.mark.parametrize(
    "text",
    [
        "'port' is not an override: write stage.key=value",
        "space.max_length=32 of 512 tokens: too short",
        "no short token; mode token-authentication; /home/me/.aws/credentials",
        "http://127.0.0.1:8000/v1 does not answer",
        "found in /usr/bin:/usr/local/bin",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert without_secrets(text, ENVIRONMENT) == text
