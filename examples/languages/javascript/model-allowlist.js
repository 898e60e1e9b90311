// Refuses a request whose model is not on the list: examples/policies/model-allowlist in JavaScript.
let models = [];

export const policy = {
  describe: () => ({
    name: 'model-allowlist',
    version: '0.1.0',
    hooks: ['request'],
    reads: [],
    rewrites: [],
    configSchema: '',
  }),

  // At load, before any exchange. What is thrown refuses the policy, and has to be text.
  configure(json) {
    ({ models } = JSON.parse(json));
    if (!Array.isArray(models)) throw 'give a list of `models`';
  },

  onRequest(request) {
    const model = request.model();
    if (model == null || models.includes(model)) return { tag: 'forward' };
    const message = `\`${model}\` is not listed`;
    return { tag: 'refuse', val: { status: 403, code: 'policy_denied', message, retryAfterMs: undefined } };
  },

  // Hooks that `describe` does not name are exported all the same, and never called.
  onReply: () => [],
  onAttempt: () => ({ tag: 'accept' }),
  onFailure: () => ({ tag: 'forward' }),
  onEnd() {},
};
