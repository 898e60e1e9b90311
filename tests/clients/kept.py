"""An app that has a provider keep its turns: a conversation of OpenAI's with items, and a batch of Anthropic's with its results.

Arguments: the sidecar's address, a text. Prints one JSON object: what came back.
"""
import json, sys
from anthropic import Anthropic
from openai import OpenAI

base, text = sys.argv[1:]
openai = OpenAI(base_url=base + "/v1", api_key="test-key", timeout=20, max_retries=0)
anthropic = Anthropic(base_url=base, api_key="test-key", timeout=20, max_retries=0)


def texts(items):
    return [part.text for item in items for part in item.content]


def message(said):
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": said}]}


def request(number):
    messages = [{"role": "user", "content": f"{number}: {text}"}]
    return {"custom_id": f"r{number}", "params": {"model": "m", "max_tokens": 64, "messages": messages}}


conversation = openai.conversations.create(items=[message(text)], metadata={"topic": "demo"})
created = openai.conversations.items.create(conversation.id, items=[message("second " + text)])
listed = list(openai.conversations.items.list(conversation.id, order="asc"))
one = openai.conversations.items.retrieve(listed[0].id, conversation_id=conversation.id)
batch = anthropic.messages.batches.create(requests=[request(1), request(2)])
results = list(anthropic.messages.batches.results(batch.id))
print(json.dumps({
    "conversation": conversation.id,
    "metadata": openai.conversations.update(conversation.id, metadata={"topic": "other"}).metadata,
    "created": texts(created.data),
    "listed": texts(listed),
    "one": texts([one]),
    "batch": batch.id,
    "results": [[line.custom_id, line.result.message.content[0].text] for line in results],
}))
