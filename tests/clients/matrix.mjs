// As matrix.py, for Node: the openai package and the built-in fetch. OUTRIGGER_NPM is where packages are.
import { createRequire } from "node:module";

const base = process.argv[2];
const require = createRequire(process.env.OUTRIGGER_NPM + "/");
const asked = { model: "m", messages: [{ role: "user", content: "Say hello." }] };

const clients = {
  async node_openai() {
    const { default: OpenAI } = await import(require.resolve("openai"));
    const client = new OpenAI({ apiKey: "test-key", timeout: 10_000, maxRetries: 0, ...(base && { baseURL: base + "/v1" }) });
    let text = "";
    for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) text += chunk.choices[0]?.delta?.content ?? "";
    if (!text) throw new Error("no text");
  },
  async node_fetch() {
    const reply = await fetch((base ?? "https://api.openai.com") + "/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer test-key" },
      body: JSON.stringify({ ...asked, stream: true }),
      signal: AbortSignal.timeout(10_000),
    });
    if (!reply.ok) throw new Error(`status ${reply.status}`);
    if (!(await reply.text()).includes("[DONE]")) throw new Error("the stream did not end");
  },
};

const outcomes = {};
for (const [name, ask] of Object.entries(clients)) {
  try {
    await ask();
    outcomes[name] = "ok";
  } catch (error) {
    outcomes[name] = `${error.name}: ${error.message} ${error.cause?.code ?? error.cause?.cause?.code ?? ""}`.slice(0, 400);
  }
}
console.log(JSON.stringify(outcomes));
