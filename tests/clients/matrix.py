"""Asks through every Python client that apps use, and prints a JSON object: client → "ok", or what an app would have had to catch.

Without arguments the clients call the providers' own addresses, and the environment alone says how that ends (a proxy, trusted roots, or nothing where
the network is redirected). With one, `http://HOST:PORT`, they are given it as their base URL.
"""
import asyncio, json, sys
from concurrent.futures import ThreadPoolExecutor

base = sys.argv[1] if len(sys.argv) > 1 else None
CHAT = (base or "https://api.openai.com") + "/v1/chat/completions"
ASKED = {"model": "m", "messages": [{"role": "user", "content": "Say hello."}]}
HEADERS = {"authorization": "Bearer test-key"}


def openai():
    from openai import OpenAI
    client = OpenAI(api_key="test-key", timeout=10, max_retries=0, **({"base_url": base + "/v1"} if base else {}))
    whole = client.chat.completions.create(**ASKED).choices[0].message.content
    with client.chat.completions.create(stream=True, **ASKED) as stream:
        parts = [c.choices[0].delta.content or "" for c in stream if c.choices]
    assert whole and "".join(parts) == whole, "the stream says something else"


def anthropic():
    from anthropic import Anthropic
    client = Anthropic(api_key="test-key", timeout=10, max_retries=0, **({"base_url": base} if base else {}))
    with client.messages.stream(max_tokens=64, **ASKED) as stream:
        assert "".join(stream.text_stream), "no text"


def genai():
    from google import genai
    client = genai.Client(api_key="test-key", http_options=genai.types.HttpOptions(timeout=10_000, **({"base_url": base} if base else {})))
    assert client.models.generate_content(model="m", contents="Say hello.").text, "no text"
    assert "".join(c.text or "" for c in client.models.generate_content_stream(model="m", contents="Say hello.")), "no text in the stream"


def requests():
    import requests
    with requests.post(CHAT, json=ASKED | {"stream": True}, headers=HEADERS, stream=True, timeout=10) as reply:
        reply.raise_for_status()
        assert b"[DONE]" in b"".join(reply.iter_content(None)), "the stream did not end"


async def over_aiohttp(trust_env):
    import aiohttp
    async with aiohttp.ClientSession(trust_env=trust_env, timeout=aiohttp.ClientTimeout(10)) as session:
        async with session.post(CHAT, json=ASKED, headers=HEADERS) as reply:
            reply.raise_for_status()
            assert (await reply.json())["choices"], "no choices"


def aiohttp():
    asyncio.run(over_aiohttp(False))


def aiohttp_trust_env():
    asyncio.run(over_aiohttp(True))


def outcome(client):
    try:
        client()
        return "ok"
    except BaseException as error:  # what an app would have to catch
        return f"{type(error).__name__}: {error}"[:400]


clients = [openai, anthropic, genai, requests, aiohttp, aiohttp_trust_env]
# Imported once here: two threads that import at the same time may wait for each other.
import openai as _, anthropic as _, google.genai as _, requests as _, aiohttp as _  # noqa: E401, F811
with ThreadPoolExecutor(len(clients)) as pool:
    json.dump(dict(zip([c.__name__ for c in clients], pool.map(outcome, clients))), sys.stdout)
