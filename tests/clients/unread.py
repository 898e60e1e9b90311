"""Calls the openai SDK's endpoints that no dialect reads, at the base URL that is the argument, and prints as a JSON object what an app would see."""
import io, json, sys, time, wave

from openai import OpenAI

client = OpenAI(base_url=sys.argv[1] + "/v1", api_key="test-key", timeout=20, max_retries=0)


def sound(seconds):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(bytes(32_000 * seconds))
    return ("sound.wav", file.getvalue(), "audio/wav")


def counts(usage):
    return usage and [usage.input_tokens, usage.output_tokens]


def speech():
    pieces, times = [], []
    with client.audio.speech.with_streaming_response.create(model="gpt-4o-mini-tts", voice="coral", input="hi") as reply:
        for piece in reply.iter_bytes():
            pieces.append(piece)
            times.append(time.monotonic())
    return {"text": b"".join(pieces).decode(), "spread": times[-1] - times[0]}


def transcription():
    reply = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=sound(5))
    return {"text": reply.text, "usage": counts(reply.usage)}


def transcription_stream():
    seen = {"text": ""}
    for event in client.audio.transcriptions.create(model="gpt-4o-transcribe", file=sound(1), stream=True):
        if event.type == "transcript.text.delta":
            seen["text"] += event.delta
        elif event.type == "transcript.text.done":
            seen["usage"] = counts(event.usage)
    return seen


def translation():
    return {"text": client.audio.translations.create(model="whisper-1", file=sound(1)).text}


def edit():
    reply = client.images.edit(model="gpt-image-1.5", image=("a.png", b"\x89PNG", "image/png"), prompt="a hat")
    return {"images": len(reply.data), "usage": counts(reply.usage)}


def files():
    made = client.files.create(file=("a.jsonl", b'{"a":1}\n'), purpose="batch")
    return {"id": made.id, "text": client.files.content(made.id).read().decode()}


seen = {}
for call in (speech, transcription, transcription_stream, translation, edit, files):
    try:
        seen[call.__name__] = call()
    except Exception as error:
        seen[call.__name__] = {"error": f"{type(error).__name__}: {error}"}
print(json.dumps(seen))
