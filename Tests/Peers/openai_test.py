"""The OpenAI client library against /v1. Usage: openai_test.py [BASE_URL [MODEL]]

Without a URL it is /v1 of the server at MILLRACE_URL. Against the real server, give the name of a model that is served; without one the first listed is taken.
"""

import os
import sys

import openai


def check(condition, words):
    if not condition:
        sys.exit(f"openai_test: {words}")


url = sys.argv[1] if len(sys.argv) > 1 else os.environ["MILLRACE_URL"].rstrip("/") + "/v1"
client = openai.OpenAI(base_url=url, api_key="not-needed", max_retries=0)

models = client.models.list().data
check(models, "no model is listed")
name = sys.argv[2] if len(sys.argv) > 2 else models[0].id
check(client.models.retrieve(name).object == "model", "a model can be retrieved")

# Without encoding_format the client asks for base64 and decodes it.
decoded = client.embeddings.create(model=name, input=["a bc", "한국어"])
floats = client.embeddings.create(model=name, input=["a bc", "한국어"], encoding_format="float")
check(len(decoded.data) == 2, "two texts have two embeddings")
check([item.index for item in decoded.data] == [0, 1], "they are in order")
for left, right in zip(decoded.data, floats.data):
    check(len(left.embedding) == len(right.embedding) > 0, "both encodings have the same length")
    worst = max(abs(a - b) for a, b in zip(left.embedding, right.embedding))
    check(worst < 1e-6, f"both encodings have the same values, not {worst} apart")
check(decoded.usage.prompt_tokens == decoded.usage.total_tokens > 0, "tokens are counted")
check(len(client.embeddings.create(model=name, input="one").data) == 1, "one text has one embedding")


def refused(kind, **arguments):
    try:
        client.embeddings.create(**arguments)
    except kind as error:
        return error
    sys.exit(f"openai_test: {arguments} was not refused with {kind.__name__}")


error = refused(openai.NotFoundError, model="no-such-model", input="a")
check(error.code == "model_not_found" and error.param == "model", f"an unknown model: {error.body}")
error = refused(openai.BadRequestError, model=name, input=[1, 2, 3])
check(error.param == "input" and error.type == "invalid_request_error", f"token numbers: {error.body}")
refused(openai.BadRequestError, model=name, input="")
print("openai_test: all good")
