"""Runs jobs (a JSON list on standard input) in the openai, anthropic and google-genai SDKs, and prints a JSON list of what an app would see."""
import json, sys, time
from concurrent.futures import ThreadPoolExecutor

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def retries(job):
    return {} if job.get("retries") is None else {"max_retries": job["retries"]}


def chat(job, seen):
    from openai import OpenAI
    client = OpenAI(base_url=job["base"] + "/v1", api_key="test-key", timeout=job["timeout"], **retries(job))
    more = {}
    if job["tools"]:
        tool = {"name": "get_weather", "description": "Tells the weather.", "parameters": SCHEMA}
        more = {"tools": [{"type": "function", "function": tool}], "tool_choice": "required"}
    messages = [{"role": "user", "content": job["prompt"]}]
    if not job["stream"]:
        reply = client.chat.completions.create(model=job["model"], messages=messages, **more)
        choice = reply.choices[0]
        seen["text"] = choice.message.content or ""
        seen["finish"] = choice.finish_reason
        seen["tools"] = [[t.function.name, t.function.arguments] for t in choice.message.tool_calls or []]
        if reply.usage:
            seen["usage"] = [reply.usage.prompt_tokens, reply.usage.completion_tokens]
        return
    tools = {}
    with client.chat.completions.create(
        model=job["model"], messages=messages, stream=True, stream_options={"include_usage": True}, **more
    ) as stream:
        for chunk in stream:
            if chunk.usage:
                seen["usage"] = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens]
            for choice in chunk.choices:
                seen["text"] += choice.delta.content or ""
                seen["finish"] = choice.finish_reason or seen["finish"]
                for call in choice.delta.tool_calls or []:
                    entry = tools.setdefault(call.index, ["", ""])
                    entry[0] += (call.function.name or "") if call.function else ""
                    entry[1] += (call.function.arguments or "") if call.function else ""
    seen["tools"] = [tools[i] for i in sorted(tools)]


def responses(job, seen):
    from openai import OpenAI
    client = OpenAI(base_url=job["base"] + "/v1", api_key="test-key", timeout=job["timeout"], **retries(job))
    more = {}
    if job["tools"]:
        more = {"tools": [{"type": "function", "name": "get_weather", "description": "Tells the weather.", "parameters": SCHEMA}],
                "tool_choice": "required"}

    def finished(reply):
        seen["finish"] = reply.status
        seen["tools"] = [[o.name, o.arguments] for o in reply.output if o.type == "function_call"]
        if reply.usage:
            seen["usage"] = [reply.usage.input_tokens, reply.usage.output_tokens]
        return reply.output_text

    if not job["stream"]:
        seen["text"] = finished(client.responses.create(model=job["model"], input=job["prompt"], **more))
        return
    final = None
    with client.responses.create(model=job["model"], input=job["prompt"], stream=True, **more) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                seen["text"] += event.delta
            elif event.type == "response.failed":
                # The SDK hands it over instead of raising; an app that looks sees a failure, and so do we.
                raise RuntimeError(f"response.failed: {event.response.error}")
            elif event.type == "error":  # the same, before there is a response that could fail
                raise RuntimeError(f"error: {event.code} {event.message}")
            elif event.type in ("response.completed", "response.incomplete"):
                final = finished(event.response)
    # A stream that ends without a last event is what an app takes for a finished one: the SDK is silent about it.
    if final is not None and final != seen["text"]:
        raise AssertionError(f"deltas and final text differ: {seen['text'][:200]!r} and {final[:200]!r}")


def messages(job, seen):
    from anthropic import Anthropic
    client = Anthropic(base_url=job["base"], api_key="test-key", timeout=job["timeout"], **retries(job))
    more = {}
    if job["tools"]:
        more = {"tools": [{"name": "get_weather", "description": "Tells the weather.", "input_schema": SCHEMA}], "tool_choice": {"type": "any"}}
    asked = {"model": job["model"], "max_tokens": 1024, "messages": [{"role": "user", "content": job["prompt"]}], **more}
    if not job["stream"]:
        reply = client.messages.create(**asked)
        seen["text"] = "".join(b.text for b in reply.content if b.type == "text")
        seen["finish"] = reply.stop_reason
        seen["tools"] = [[b.name, json.dumps(b.input)] for b in reply.content if b.type == "tool_use"]
        seen["usage"] = [reply.usage.input_tokens, reply.usage.output_tokens]
        return
    tools = {}
    with client.messages.create(stream=True, **asked) as stream:
        for event in stream:
            if event.type == "message_start":
                seen["usage"] = [event.message.usage.input_tokens, event.message.usage.output_tokens]
            elif event.type == "content_block_start" and event.content_block.type == "tool_use":
                tools[event.index] = [event.content_block.name, ""]
            elif event.type == "content_block_delta" and event.delta.type == "text_delta":
                seen["text"] += event.delta.text
            elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
                tools[event.index][1] += event.delta.partial_json
            elif event.type == "message_delta":
                seen["finish"] = event.delta.stop_reason
                if seen["usage"] and event.usage:
                    seen["usage"][1] = event.usage.output_tokens
    seen["tools"] = [tools[i] for i in sorted(tools)]


def gemini(job, seen):
    from google import genai
    again = {} if job.get("retries") is None else {"retry_options": genai.types.HttpRetryOptions(attempts=1 + job["retries"], initial_delay=0.1)}
    options = genai.types.HttpOptions(base_url=job["base"], timeout=int(job["timeout"] * 1000), **again)
    client = genai.Client(api_key="test-key", http_options=options)
    asked = {"model": job["model"], "contents": job["prompt"]}
    replies = client.models.generate_content_stream(**asked) if job["stream"] else [client.models.generate_content(**asked)]
    for reply in replies:
        seen["text"] += reply.text or ""
        for candidate in reply.candidates or []:
            seen["finish"] = candidate.finish_reason.value if candidate.finish_reason else seen["finish"]
        if reply.usage_metadata:
            seen["usage"] = [reply.usage_metadata.prompt_token_count, reply.usage_metadata.candidates_token_count]


def run(job):
    seen = {"text": "", "finish": None, "error": None, "tools": [], "usage": None}
    started = time.monotonic()
    try:
        {"chat": chat, "responses": responses, "messages": messages, "gemini": gemini}[job["api"]](job, seen)
    except BaseException as error:  # what an app would have to catch
        seen["error"] = f"{type(error).__name__}: {error}"
    seen["seconds"] = time.monotonic() - started
    return seen


jobs = json.load(sys.stdin)
# Imported once here: two threads that import at the same time may wait for each other.
if any(job["api"] == "messages" for job in jobs):
    import anthropic  # noqa: F401
if any(job["api"] in ("chat", "responses") for job in jobs):
    import openai  # noqa: F401
if any(job["api"] == "gemini" for job in jobs):
    from google import genai  # noqa: F401
with ThreadPoolExecutor(max(1, min(16, len(jobs)))) as pool:
    json.dump(list(pool.map(run, jobs)), sys.stdout)
