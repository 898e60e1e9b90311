// Each official Node SDK against targets of each other dialect: prints a JSON object, `API/TARGET/WHAT` → "ok", or what an app would have had to catch.
// Arguments and models are those of translate.py, which has the same scenarios.
import { createRequire } from "node:module";
import assert from "node:assert/strict";

const load = createRequire(process.env.OUTRIGGER_NPM + "/package.json");
const { OpenAI } = load("openai");
const { Anthropic } = load("@anthropic-ai/sdk");

const [BASE, ...TARGETS] = process.argv.slice(2);
const PNG = Buffer.from(
  "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001000105fe02fea7350000000049454e44ae426082", "hex").toString("base64");
const WEATHER = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const CITIES = ["Rome", "Oslo", "São Paulo"];
const ROOM = { apiKey: "test-key", timeout: 20_000, maxRetries: 0 };
const openai = new OpenAI({ baseURL: BASE + "/v1", ...ROOM });
const anthropic = new Anthropic({ baseURL: BASE, ...ROOM });

const asks = (city) => `call get_weather ${JSON.stringify({ city })}`;
const user = (content) => [{ role: "user", content }];
const all = async (stream) => { const seen = []; for await (const event of stream) seen.push(event); return seen; };

/** Reads three events and leaves. */
async function leave(stream) {
  let left = 3;
  for await (const _ of stream) if (--left === 0) break;
  stream.controller.abort();
}

const chat = {
  name: "chat",
  limited: OpenAI.RateLimitError,
  say: (model, content, more = {}) => openai.chat.completions.create({ model, messages: user(content), ...more }),
  async text(model) {
    const reply = await this.say(model, "Say hello.");
    assert.equal(reply.choices[0].message.content, "Say hello.");
    assert.equal(reply.choices[0].finish_reason, "stop");
    assert.ok(reply.usage.prompt_tokens > 0 && reply.usage.completion_tokens > 0);
  },
  async stream(model) {
    const chunks = await all(await this.say(model, "Say hello twice.", { stream: true, stream_options: { include_usage: true } }));
    assert.equal(chunks.map((c) => c.choices[0]?.delta.content ?? "").join(""), "Say hello twice.");
    assert.equal(chunks.filter((c) => c.choices.length).at(-1).choices[0].finish_reason, "stop");
    assert.ok(chunks.at(-1).usage.completion_tokens > 0 && !chunks.at(-1).choices.length);
  },
  async loop(model, stream) {
    const tools = [{ type: "function", function: { name: "get_weather", description: "The weather.", parameters: WEATHER } }];
    const messages = [{ role: "system", content: "Be brief." }];
    for (const city of CITIES) {
      messages.push({ role: "user", content: asks(city) });
      const { message } = stream
        ? (await openai.chat.completions.stream({ model, messages, tools }).finalChatCompletion()).choices[0]
        : (await openai.chat.completions.create({ model, messages, tools })).choices[0];
      assert.equal(message.tool_calls.length, 1);
      const [call] = message.tool_calls;
      assert.deepEqual([call.function.name, JSON.parse(call.function.arguments)], ["get_weather", { city }]);
      messages.push(message, { role: "tool", tool_call_id: call.id, content: `sunny in ${city}` });
      const said = (await openai.chat.completions.create({ model, messages, tools })).choices[0].message;
      assert.equal(said.content, `sunny in ${city}`);
      messages.push(said);
    }
  },
  async structured(model) {
    const response_format = { type: "json_schema", json_schema: { name: "city", strict: true, schema: WEATHER } };
    const reply = await openai.chat.completions.parse({ model, messages: user("Rome"), response_format });
    assert.ok(JSON.parse(reply.choices[0].message.content).city);
  },
  async image(model) {
    const reply = await this.say(model, [{ type: "text", text: "Look." }, { type: "image_url", image_url: { url: "data:image/png;base64," + PNG } }]);
    assert.match(reply.choices[0].message.content, /Look\./);
    assert.ok(reply.usage.prompt_tokens >= 85);
  },
  async reasoning(model) {
    const reply = await this.say(model, "Think.", { reasoning_effort: "low" });
    assert.match(reply.choices[0].message.reasoning_content ?? "", /Think\./);
  },
  error: (model) => chat.say(model + "-limited", "x"),
  cancel: async (model) => leave(await chat.say(model + "-slow", "x", { stream: true })),
};

const responses = {
  name: "responses",
  limited: OpenAI.RateLimitError,
  say: (model, input, more = {}) => openai.responses.create({ model, input, ...more }),
  async text(model) {
    const reply = await this.say(model, "Say hello.", { instructions: "Be brief." });
    assert.deepEqual([reply.output_text, reply.status], ["Say hello.", "completed"]);
    assert.ok(reply.usage.input_tokens > 0 && reply.usage.output_tokens > 0);
  },
  async stream(model) {
    const events = openai.responses.stream({ model, input: "Say hello twice." });
    const seen = await all(events);
    assert.equal(seen.filter((e) => e.type === "response.output_text.delta").map((e) => e.delta).join(""), "Say hello twice.");
    assert.equal((await events.finalResponse()).output_text, "Say hello twice.");
    const numbers = seen.map((e) => e.sequence_number);
    assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b));
  },
  async loop(model, stream) {
    const tools = [{ type: "function", name: "get_weather", description: "The weather.", parameters: WEATHER, strict: true }];
    const input = [];
    for (const city of CITIES) {
      input.push({ role: "user", content: asks(city) });
      const reply = stream
        ? await openai.responses.stream({ model, input, tools }).finalResponse()
        : await openai.responses.create({ model, input, tools });
      const calls = reply.output.filter((item) => item.type === "function_call");
      assert.equal(calls.length, 1);
      assert.deepEqual(JSON.parse(calls[0].arguments), { city });
      const { call_id, name, arguments: given } = calls[0];
      input.push({ type: "function_call", call_id, name, arguments: given }, { type: "function_call_output", call_id, output: `sunny in ${city}` });
      const said = await openai.responses.create({ model, input, tools });
      assert.equal(said.output_text, `sunny in ${city}`);
      input.push(...said.output);
    }
  },
  async structured(model) {
    const reply = await openai.responses.parse({ model, input: "Rome", text: { format: { type: "json_schema", name: "city", strict: true, schema: WEATHER } } });
    assert.ok(JSON.parse(reply.output_text).city);
  },
  async image(model) {
    const reply = await this.say(model, user([{ type: "input_text", text: "Look." }, { type: "input_image", image_url: "data:image/png;base64," + PNG, detail: "auto" }]));
    assert.match(reply.output_text, /Look\./);
    assert.ok(reply.usage.input_tokens >= 85);
  },
  async reasoning(model) {
    const reply = await this.say(model, "Think.", { reasoning: { effort: "low", summary: "auto" } });
    const thoughts = reply.output.filter((item) => item.type === "reasoning");
    assert.equal(thoughts.length, 1);
    assert.match(thoughts[0].summary.map((part) => part.text).join(""), /Think\./);
  },
  error: (model) => responses.say(model + "-limited", "x"),
  cancel: async (model) => leave(await responses.say(model + "-slow", "x", { stream: true })),
};

const messages = {
  name: "messages",
  limited: Anthropic.RateLimitError,
  say: (model, content, more = {}) => anthropic.messages.create({ model, max_tokens: 4096, messages: user(content), ...more }),
  async text(model) {
    const reply = await this.say(model, "Say hello.", { system: "Be brief." });
    assert.deepEqual([reply.content.at(-1).text, reply.stop_reason], ["Say hello.", "end_turn"]);
    assert.ok(reply.usage.input_tokens > 0 && reply.usage.output_tokens > 0);
  },
  async stream(model) {
    const events = anthropic.messages.stream({ model, max_tokens: 64, messages: user("Say hello twice.") });
    const final = await events.finalMessage();
    assert.deepEqual([await events.finalText(), final.stop_reason], ["Say hello twice.", "end_turn"]);
    assert.ok(final.usage.input_tokens > 0 && final.usage.output_tokens > 0);
  },
  async loop(model, stream) {
    const tools = [{ name: "get_weather", description: "The weather.", input_schema: WEATHER }];
    const turns = [];
    for (const city of CITIES) {
      turns.push({ role: "user", content: asks(city) });
      const asked = { model, max_tokens: 64, messages: turns, tools, system: "Be brief." };
      const reply = stream ? await anthropic.messages.stream(asked).finalMessage() : await anthropic.messages.create(asked);
      assert.equal(reply.stop_reason, "tool_use");
      const calls = reply.content.filter((block) => block.type === "tool_use");
      assert.equal(calls.length, 1);
      assert.deepEqual(calls[0].input, { city });
      turns.push({ role: "assistant", content: reply.content },
        { role: "user", content: [{ type: "tool_result", tool_use_id: calls[0].id, content: `sunny in ${city}` }] });
      const said = await anthropic.messages.create(asked);
      assert.equal(said.content.at(-1).text, `sunny in ${city}`);
      turns.push({ role: "assistant", content: said.content });
    }
  },
  async structured(model) {
    const reply = await this.say(model, "Rome", { output_config: { format: { type: "json_schema", schema: WEATHER } } });
    assert.ok(JSON.parse(reply.content.at(-1).text).city);
  },
  async image(model) {
    const reply = await this.say(model, [{ type: "text", text: "Look." }, { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } }]);
    assert.match(reply.content.at(-1).text, /Look\./);
    assert.ok(reply.usage.input_tokens >= 85);
  },
  async reasoning(model) {
    const reply = await this.say(model, "Think.", { thinking: { type: "enabled", budget_tokens: 2048 } });
    assert.match(reply.content[0].thinking ?? "", /Think\./);
    assert.equal(reply.content.at(-1).type, "text");
  },
  error: (model) => messages.say(model + "-limited", "x"),
  cancel: async (model) => leave(await messages.say(model + "-slow", "x", { stream: true })),
};

for (const api of [chat, responses, messages]) {
  api.tools = (model) => api.loop(model, false);
  api.tools_streamed = (model) => api.loop(model, true);
}

async function outcome(api, target, what) {
  try {
    await api[what](target);
    return what === "error" ? "no error" : "ok";
  } catch (error) { // what an app would have to catch
    if (what === "error" && error instanceof api.limited && error.status === 429) return "ok";
    return `${error.constructor.name}: ${error.message}`.slice(0, 600);
  }
}

const WHAT = ["text", "stream", "tools", "tools_streamed", "structured", "image", "reasoning", "error", "cancel"];
const ends = {};
for (const api of [chat, responses, messages]) for (const target of TARGETS) {
  await Promise.all(WHAT.map(async (what) => { ends[`${api.name}/${target}/${what}`] = await outcome(api, target, what); }));
}
process.stdout.write(JSON.stringify(ends));
