"""The official Python SDKs at every endpoint but those of conversations: prints a JSON object, WHAT → "ok", or what an app would have had to catch.

Arguments: the sidecar's `http://HOST:PORT`, then a model. Behind it is the model that repeats what it is told, and calls the tools that it is told to.
"""
import base64, io, json, sys, wave

import openai
from google import genai
from google.genai import types

BASE, MODEL = sys.argv[1:3]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "name": "get_weather", "description": "The weather.", "parameters": WEATHER}]

openai_client = openai.OpenAI(api_key="test-key", base_url=BASE + "/v1", timeout=20, max_retries=0)
google_client = genai.Client(api_key="test-key", http_options=types.HttpOptions(base_url=BASE, timeout=20_000))


def interaction():
    reply = google_client.interactions.create(model=MODEL, input="Say hello.", system_instruction="Be brief.")
    assert reply.output_text == "Say hello." and reply.status == "completed" and reply.usage.total_output_tokens > 0, reply


def interaction_stream():
    events = list(google_client.interactions.create(model=MODEL, input="Say hello twice.", stream=True))
    text = "".join(e.delta.text for e in events if e.event_type == "step.delta" and e.delta.type == "text")
    assert text == "Say hello twice.", events
    assert events[-1].event_type == "interaction.completed" and events[-1].interaction.usage.total_input_tokens > 0, events[-1]


def interaction_loop():
    steps = [{"type": "user_input", "content": [{"type": "text", "text": 'call get_weather {"city": "Rome"}'}]}]
    reply = google_client.interactions.create(model=MODEL, input=steps, tools=TOOLS)
    (call,) = [s for s in reply.steps if s.type == "function_call"]
    assert call.arguments == {"city": "Rome"} and reply.status == "requires_action", reply
    steps += [call.model_dump(exclude_none=True), {"type": "function_result", "call_id": call.id, "name": call.name, "result": "sunny"}]
    assert google_client.interactions.create(model=MODEL, input=steps, tools=TOOLS).output_text == "sunny"


def interaction_call_stream():
    asked = {"model": MODEL, "input": 'call get_weather {"city": "Rome"}', "tools": TOOLS, "stream": True}
    events = list(google_client.interactions.create(**asked, generation_config={"thinking_level": "low", "thinking_summaries": "auto"}))
    deltas = [e.delta for e in events if e.event_type == "step.delta"]
    assert json.loads("".join(d.arguments for d in deltas if d.type == "arguments_delta")) == {"city": "Rome"}, events
    assert "get_weather" in "".join(d.content.text for d in deltas if d.type == "thought_summary"), events


def picture():
    reply = openai_client.images.generate(model=MODEL, prompt="a pelican", n=2)
    assert len(reply.data) == 2 and base64.b64decode(reply.data[0].b64_json).startswith(b"\x89PNG") and reply.usage.total_tokens > 0, reply
    assert reply.data[0].revised_prompt == "a pelican", reply


def picture_stream():
    events = list(openai_client.images.generate(model=MODEL, prompt="a pelican", stream=True, partial_images=2))
    assert [e.type.rsplit(".", 1)[1] for e in events] == ["partial_image", "partial_image", "completed"], events
    assert events[-1].usage.output_tokens > 0, events


def moderation():
    calm, rough = openai_client.moderations.create(model=MODEL, input=["a pelican", "hate and violence/graphic"]).results
    assert not calm.flagged and rough.flagged and rough.categories.violence_graphic and not rough.categories.violence, rough
    assert rough.category_applied_input_types.hate == ["text"] and rough.category_scores.hate == 1, rough


def rerank():
    asked = {"model": MODEL, "query": "cat on the mat", "documents": ["quarterly revenue", "a cat sat on the mat"], "top_n": 1}
    reply = openai_client.post("/rerank", body=asked, cast_to=object)
    assert [r["index"] for r in reply["results"]] == [1] and reply["usage"]["total_tokens"] > 0, reply


def speech():
    sound = openai_client.audio.speech.create(model=MODEL, voice="alloy", input="hello", response_format="wav").read()
    with wave.open(io.BytesIO(sound)) as file:
        assert file.getnframes() > 0 and file.getframerate() == 8000, file.getparams()


def speech_stream():
    with openai_client.audio.speech.with_streaming_response.create(model=MODEL, voice="alloy", input="hello " * 20, response_format="wav") as reply:
        assert sum(len(piece) for piece in reply.iter_bytes()) > 1000


def transcription():
    file = ("a.wav", b"RIFF" + bytes(1000), "audio/wav")
    assert "an upload of" in openai_client.audio.transcriptions.create(model=MODEL, file=file).text


def transcription_stream():
    file = ("a.wav", b"RIFF" + bytes(1000), "audio/wav")
    events = list(openai_client.audio.transcriptions.create(model=MODEL, file=file, stream=True))
    assert events[-1].type == "transcript.text.done" and "".join(e.delta for e in events[:-1]) == events[-1].text, events


def counts():
    assert openai_client.responses.input_tokens.count(model=MODEL, input="word word").input_tokens > 0


def outcome(what):
    try:
        what()
        return "ok"
    except BaseException as error:  # what an app would have to catch
        return f"{type(error).__name__}: {error}"[:600]


WHAT = [interaction, interaction_stream, interaction_loop, interaction_call_stream, picture, picture_stream, moderation, rerank, speech, speech_stream,
        transcription, transcription_stream, counts]
json.dump({what.__name__: outcome(what) for what in WHAT}, sys.stdout)
