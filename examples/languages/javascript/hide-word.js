// Hides a word from the model, and shows it again in the reply: examples/policies/hide-word in JavaScript.
let hide, show;
// The end of each channel's text that may be the beginning of `show`. Each exchange has an instance of
// its own, so that this is the state of one exchange.
const held = new Map();

export const policy = {
  describe: () => ({
    name: 'hide-word',
    version: '0.1.0',
    hooks: ['request', 'reply'],
    reads: ['system', 'user', 'assistant'],
    rewrites: ['assistant'],
    configSchema: '',
  }),

  configure(json) {
    ({ hide, show } = JSON.parse(json));
    if (!hide || !show) throw 'give `hide` and `show`';
  },

  onRequest(request) {
    const most = 64;
    for (let start = 0; ; start += most) {
      const page = request.passages(start, most);
      const edits = page.filter(({ text }) => text.includes(hide));
      if (edits.length) request.setPassages(edits.map(({ id, text }) => [id, text.replaceAll(hide, show)]));
      if (page.length < most) return { tag: 'forward' };
    }
  },

  onReply(head, deltas) {
    return deltas.map(({ channel, text, last }) => {
      const all = (held.get(channel) ?? '') + text;
      const end = all.length - (last ? 0 : beginning(all, show));
      held.set(channel, all.slice(end));
      return all.slice(0, end).replaceAll(show, hide);
    });
  },

  onAttempt: () => ({ tag: 'accept' }),
  onFailure: () => ({ tag: 'forward' }),
  onEnd() {},
};

// The length of the longest end of `text` that is a beginning of `word`, and not all of it.
function beginning(text, word) {
  let length = Math.min(word.length - 1, text.length);
  while (!text.endsWith(word.slice(0, length))) length -= 1;
  return length;
}
