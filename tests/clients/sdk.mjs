// Runs jobs (a JSON list on standard input) in the openai npm package, and prints a JSON list of what an app would see.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { OpenAI } = createRequire(process.env.OUTRIGGER_NPM + "/package.json")("openai");
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

async function chat(client, job, seen) {
  const asked = { model: job.model, messages: [{ role: "user", content: job.prompt }] };
  if (job.tools) {
    asked.tools = [{ type: "function", function: { name: "get_weather", description: "Tells the weather.", parameters: schema } }];
    asked.tool_choice = "required";
  }
  if (!job.stream) {
    const reply = await client.chat.completions.create(asked);
    const { message, finish_reason } = reply.choices[0];
    seen.text = message.content ?? "";
    seen.finish = finish_reason;
    seen.tools = (message.tool_calls ?? []).map((t) => [t.function.name, t.function.arguments]);
    if (reply.usage) seen.usage = [reply.usage.prompt_tokens, reply.usage.completion_tokens];
    return;
  }
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } })) {
    if (chunk.usage) seen.usage = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens];
    for (const choice of chunk.choices ?? []) {
      seen.text += choice.delta?.content ?? "";
      seen.finish = choice.finish_reason ?? seen.finish;
      for (const call of choice.delta?.tool_calls ?? []) {
        const entry = (seen.tools[call.index] ??= ["", ""]);
        entry[0] += call.function?.name ?? "";
        entry[1] += call.function?.arguments ?? "";
      }
    }
  }
}

async function responses(client, job, seen) {
  const asked = { model: job.model, input: job.prompt };
  if (job.tools) {
    asked.tools = [{ type: "function", name: "get_weather", description: "Tells the weather.", parameters: schema, strict: false }];
    asked.tool_choice = "required";
  }
  const finished = (reply) => {
    seen.finish = reply.status;
    seen.tools = reply.output.filter((o) => o.type === "function_call").map((o) => [o.name, o.arguments]);
    if (reply.usage) seen.usage = [reply.usage.input_tokens, reply.usage.output_tokens];
    return reply.output.flatMap((o) => o.content ?? []).filter((c) => c.type === "output_text").map((c) => c.text).join("");
  };
  if (!job.stream) {
    seen.text = finished(await client.responses.create(asked));
    return;
  }
  for await (const event of await client.responses.create({ ...asked, stream: true })) {
    if (event.type === "response.output_text.delta") seen.text += event.delta;
    else if (event.type === "response.failed") throw new Error("response.failed: " + JSON.stringify(event.response.error));
    else if (event.type === "error") throw new Error("error: " + JSON.stringify(event));
    else if (event.type === "response.completed" || event.type === "response.incomplete") {
      const text = finished(event.response);
      if (text !== seen.text) throw new Error(`deltas and final text differ: ${seen.text.slice(0, 200)} and ${text.slice(0, 200)}`);
    }
  }
}

async function run(job) {
  const seen = { text: "", finish: null, error: null, tools: [], usage: null };
  const started = performance.now();
  try {
    const client = new OpenAI({ baseURL: job.base + "/v1", apiKey: "test-key", timeout: job.timeout * 1000, ...(job.retries == null ? {} : { maxRetries: job.retries }) });
    await { chat, responses }[job.api](client, job, seen);
  } catch (error) {
    seen.error = `${error.constructor.name}: ${error.message}`;
  }
  seen.seconds = (performance.now() - started) / 1000;
  return seen;
}

const jobs = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(await Promise.all(jobs.map(run))));
