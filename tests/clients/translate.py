"""Each official Python SDK against targets of each other dialect: prints a JSON object, `API/TARGET/WHAT` → "ok", or what an app would have had to catch.

Arguments: the sidecar's `http://HOST:PORT`, then the aliases. For an alias NAME there are NAME-limited, whose target answers 429, and NAME-slow, whose
target takes its time. Behind each is the model that repeats what it is told, calls the tools that it is told to, and fills the schemas that it is given.
"""
import base64, json, sys
from concurrent.futures import ThreadPoolExecutor

import anthropic, openai
from google import genai
from google.genai import errors as google_errors, types
from pydantic import BaseModel

BASE, TARGETS = sys.argv[1], sys.argv[2:]
PNG = base64.b64encode(bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001000105fe02fea7350000000049454e44ae426082")).decode()
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
CITIES = ["Rome", "Oslo", "São Paulo"]
ROOM = {"timeout": 20, "max_retries": 0}


def asks(city):
    return f'call get_weather {json.dumps({"city": city})}'


class City(BaseModel):
    city: str


class Chat:
    name = "chat"

    def __init__(self):
        self.client = openai.OpenAI(api_key="test-key", base_url=BASE + "/v1", **ROOM)
        self.limited = openai.RateLimitError

    def say(self, model, text, **more):
        return self.client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **more)

    def text(self, model):
        reply = self.say(model, "Say hello.")
        assert reply.choices[0].message.content == "Say hello.", reply
        assert reply.choices[0].finish_reason == "stop" and reply.usage.prompt_tokens > 0 and reply.usage.completion_tokens > 0, reply
        assert reply.model == model or model == "to-chat", reply

    def stream(self, model):
        chunks = list(self.say(model, "Say hello twice.", stream=True, stream_options={"include_usage": True}))
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Say hello twice."
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
        assert chunks[-1].usage.completion_tokens > 0 and not chunks[-1].choices
        bare = list(self.say(model, "Say hello.", stream=True))
        assert all(c.choices for c in bare), "a chunk with the usage that nobody asked for"

    def loop(self, model, stream):
        tools = [{"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": WEATHER}}]
        messages = [{"role": "system", "content": "Be brief."}]
        for city in CITIES:
            messages.append({"role": "user", "content": asks(city)})
            if stream:
                with self.client.chat.completions.stream(model=model, messages=messages, tools=tools) as events:
                    for _ in events: pass
                    message = events.get_final_completion().choices[0].message
            else:
                message = self.client.chat.completions.create(model=model, messages=messages, tools=tools).choices[0].message
            (call,) = message.tool_calls
            assert json.loads(call.function.arguments) == {"city": city} and call.function.name == "get_weather", call
            messages.append(message.model_dump(exclude_none=True, exclude={"parsed"}) if not stream else {
                "role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": {"name": call.function.name, "arguments": call.function.arguments}}]})
            messages.append({"role": "tool", "tool_call_id": call.id, "content": f"sunny in {city}"})
            said = self.client.chat.completions.create(model=model, messages=messages, tools=tools).choices[0].message
            assert said.content == f"sunny in {city}", said
            messages.append({"role": "assistant", "content": said.content})

    def tools(self, model): self.loop(model, False)
    def tools_streamed(self, model): self.loop(model, True)

    def structured(self, model):
        reply = self.client.chat.completions.parse(model=model, messages=[{"role": "user", "content": "Rome"}], response_format=City)
        assert reply.choices[0].message.parsed.city, reply

    def image(self, model):
        content = [{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}]
        reply = self.client.chat.completions.create(model=model, messages=[{"role": "user", "content": content}])
        assert "Look." in reply.choices[0].message.content and reply.usage.prompt_tokens >= 85, reply

    def reasoning(self, model):
        reply = self.say(model, "Think.", reasoning_effort="low")
        assert "Think." in reply.choices[0].message.reasoning_content, reply
        chunks = self.say(model, "Think.", reasoning_effort="low", stream=True)
        assert "Think." in "".join(getattr(c.choices[0].delta, "reasoning_content", None) or "" for c in chunks if c.choices)

    def error(self, model): self.say(model + "-limited", "x")

    def cancel(self, model):
        stream = self.say(model + "-slow", "x", stream=True)
        for _ in zip(range(3), stream): pass
        stream.close()


class Responses:
    name = "responses"

    def __init__(self):
        self.client = openai.OpenAI(api_key="test-key", base_url=BASE + "/v1", **ROOM)
        self.limited = openai.RateLimitError

    def text(self, model):
        reply = self.client.responses.create(model=model, input="Say hello.", instructions="Be brief.")
        assert reply.output_text == "Say hello." and reply.status == "completed" and reply.usage.output_tokens > 0, reply
        assert reply.model == model or model in ("to-chat", "to-responses"), reply

    def stream(self, model):
        with self.client.responses.stream(model=model, input="Say hello twice.") as events:
            seen = list(events)
            final = events.get_final_response()
        assert "".join(e.delta for e in seen if e.type == "response.output_text.delta") == "Say hello twice." == final.output_text
        numbers = [e.sequence_number for e in seen]
        assert numbers == sorted(set(numbers)), numbers

    def loop(self, model, stream):
        tools = [{"type": "function", "name": "get_weather", "description": "The weather.", "parameters": WEATHER, "strict": True}]
        items = []
        for city in CITIES:
            items.append({"role": "user", "content": asks(city)})
            if stream:
                with self.client.responses.stream(model=model, input=items, tools=tools) as events:
                    for _ in events: pass
                    reply = events.get_final_response()
            else:
                reply = self.client.responses.create(model=model, input=items, tools=tools)
            (call,) = [i for i in reply.output if i.type == "function_call"]
            assert json.loads(call.arguments) == {"city": city}, call
            items.append({"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments})
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": f"sunny in {city}"})
            said = self.client.responses.create(model=model, input=items, tools=tools)
            assert said.output_text == f"sunny in {city}", said
            items += [i.model_dump(exclude_none=True) for i in said.output]

    def tools(self, model): self.loop(model, False)
    def tools_streamed(self, model): self.loop(model, True)

    def structured(self, model):
        assert self.client.responses.parse(model=model, input="Rome", text_format=City).output_parsed.city

    def image(self, model):
        content = [{"type": "input_text", "text": "Look."}, {"type": "input_image", "image_url": "data:image/png;base64," + PNG, "detail": "auto"}]
        reply = self.client.responses.create(model=model, input=[{"role": "user", "content": content}])
        assert "Look." in reply.output_text and reply.usage.input_tokens >= 85, reply

    def reasoning(self, model):
        reply = self.client.responses.create(model=model, input="Think.", reasoning={"effort": "low", "summary": "auto"})
        (thought,) = [i for i in reply.output if i.type == "reasoning"]
        assert "Think." in "".join(part.text for part in thought.summary), reply

    def error(self, model): self.client.responses.create(model=model + "-limited", input="x")

    def cancel(self, model):
        stream = self.client.responses.create(model=model + "-slow", input="x", stream=True)
        for _ in zip(range(3), stream): pass
        stream.close()


class Messages:
    name = "messages"

    def __init__(self):
        self.client = anthropic.Anthropic(api_key="test-key", base_url=BASE, **ROOM)
        self.limited = anthropic.RateLimitError

    def say(self, model, content, **more):
        return self.client.messages.create(**{"model": model, "max_tokens": 4096, "messages": [{"role": "user", "content": content}]} | more)

    def text(self, model):
        reply = self.say(model, "Say hello.", system="Be brief.")
        assert reply.content[-1].text == "Say hello." and reply.stop_reason == "end_turn" and reply.usage.output_tokens > 0, reply
        assert reply.model == model or model == "to-messages", reply

    def stream(self, model):
        with self.client.messages.stream(model=model, max_tokens=64, messages=[{"role": "user", "content": "Say hello twice."}]) as events:
            assert "".join(events.text_stream) == "Say hello twice."
            final = events.get_final_message()
        assert final.stop_reason == "end_turn" and final.usage.output_tokens > 0 and final.usage.input_tokens > 0, final

    def loop(self, model, stream):
        tools = [{"name": "get_weather", "description": "The weather.", "input_schema": WEATHER}]
        messages = []
        for city in CITIES:
            messages.append({"role": "user", "content": asks(city)})
            asked = {"model": model, "max_tokens": 64, "messages": messages, "tools": tools, "system": "Be brief."}
            if stream:
                with self.client.messages.stream(**asked) as events:
                    reply = events.get_final_message()
            else:
                reply = self.client.messages.create(**asked)
            assert reply.stop_reason == "tool_use", reply
            (call,) = [b for b in reply.content if b.type == "tool_use"]
            assert call.input == {"city": city}, call
            messages.append({"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in reply.content]})
            messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": f"sunny in {city}"}]})
            said = self.client.messages.create(**asked)
            assert said.content[-1].text == f"sunny in {city}", said
            messages.append({"role": "assistant", "content": said.content[-1].text})

    def tools(self, model): self.loop(model, False)
    def tools_streamed(self, model): self.loop(model, True)

    def structured(self, model):
        reply = self.say(model, "Rome", output_config={"format": {"type": "json_schema", "schema": WEATHER}})
        assert json.loads(reply.content[-1].text)["city"], reply

    def image(self, model):
        reply = self.say(model, [{"type": "text", "text": "Look."}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}])
        assert "Look." in reply.content[-1].text and reply.usage.input_tokens >= 85, reply

    def reasoning(self, model):
        reply = self.say(model, "Think.", thinking={"type": "enabled", "budget_tokens": 2048})
        assert "Think." in reply.content[0].thinking and reply.content[-1].type == "text", reply

    def error(self, model): self.say(model + "-limited", "x")

    def cancel(self, model):
        with self.client.messages.stream(model=model + "-slow", max_tokens=64, messages=[{"role": "user", "content": "x"}]) as events:
            for _ in zip(range(3), events): pass


class Gemini:
    name = "gemini"

    def __init__(self):
        self.client = genai.Client(api_key="test-key", http_options=types.HttpOptions(base_url=BASE, timeout=20_000))
        self.limited = google_errors.ClientError

    def say(self, model, contents, **config):
        return self.client.models.generate_content(model=model, contents=contents, config=types.GenerateContentConfig(**config))

    def text(self, model):
        reply = self.say(model, "Say hello.", system_instruction="Be brief.")
        assert reply.text == "Say hello." and reply.candidates[0].finish_reason == "STOP" and reply.usage_metadata.candidates_token_count > 0, reply

    def stream(self, model):
        chunks = list(self.client.models.generate_content_stream(model=model, contents="Say hello twice."))
        assert "".join(c.text or "" for c in chunks) == "Say hello twice." and chunks[-1].candidates[0].finish_reason == "STOP", chunks

    def loop(self, model, stream):
        declared = types.FunctionDeclaration(name="get_weather", description="The weather.", parameters_json_schema=WEATHER)
        config = {"tools": [types.Tool(function_declarations=[declared])], "automatic_function_calling": {"disable": True}}
        contents = []
        for city in CITIES:
            contents.append(types.Content(role="user", parts=[types.Part(text=asks(city))]))
            if stream:
                parts = [p for c in self.client.models.generate_content_stream(model=model, contents=contents, config=types.GenerateContentConfig(**config))
                         for p in c.candidates[0].content.parts or []]
            else:
                parts = self.say(model, contents, **config).candidates[0].content.parts
            (call,) = [p for p in parts if p.function_call]
            assert call.function_call.args == {"city": city}, call
            contents.append(types.Content(role="model", parts=[call]))
            answer = types.FunctionResponse(id=call.function_call.id, name="get_weather", response={"result": f"sunny in {city}"})
            contents.append(types.Content(role="user", parts=[types.Part(function_response=answer)]))
            said = self.say(model, contents, **config)
            # what is no text in one dialect is its JSON in another
            result = json.loads(said.text)["result"] if said.text.startswith("{") else said.text
            assert result == f"sunny in {city}", said
            contents.append(said.candidates[0].content)

    def tools(self, model): self.loop(model, False)
    def tools_streamed(self, model): self.loop(model, True)

    def structured(self, model):
        reply = self.say(model, "Rome", response_mime_type="application/json", response_json_schema=WEATHER)
        assert json.loads(reply.text)["city"], reply

    def image(self, model):
        reply = self.say(model, ["Look.", types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")])
        assert "Look." in reply.text and reply.usage_metadata.prompt_token_count >= 85, reply

    def reasoning(self, model):
        reply = self.say(model, "Think.", thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=2048))
        assert "Think." in "".join(p.text for p in reply.candidates[0].content.parts if p.thought), reply

    def error(self, model): self.say(model + "-limited", "x")

    def cancel(self, model):
        stream = self.client.models.generate_content_stream(model=model + "-slow", contents="x")
        for _ in zip(range(3), stream): pass
        stream.close()


WHAT = ["text", "stream", "tools", "tools_streamed", "structured", "image", "reasoning", "error", "cancel"]


def outcome(job):
    api, target, what = job
    try:
        getattr(api, what)(target)
        return "ok" if what != "error" else "no error"
    except BaseException as error:  # what an app would have to catch
        if what == "error" and isinstance(error, api.limited) and getattr(error, "status_code", getattr(error, "code", None)) == 429:
            return "ok"
        return f"{type(error).__name__}: {error}"[:600]


apis = [Chat(), Responses(), Messages(), Gemini()]
jobs = [(api, target, what) for api in apis for target in TARGETS for what in WHAT]
with ThreadPoolExecutor(8) as pool:
    json.dump({f"{api.name}/{target}/{what}": end for (api, target, what), end in zip(jobs, pool.map(outcome, jobs))}, sys.stdout)
