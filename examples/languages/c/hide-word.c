// Hides a word from the model, and shows it again in the reply: examples/policies/hide-word in C.
//
// guest.h and guest.c are what wit-bindgen makes of the contract. Who is handed a text owns it; what
// a hook returns is the host's to free, so it is a copy.
#include <stdlib.h>
#include <string.h>

#include "guest.h"

typedef guest_string_t text;

static text hide, show;

// The end of each channel's text that may be the beginning of `show`. Each exchange has an instance
// of its own, so that this is the state of one exchange.
static struct held {
  uint32_t channel;
  text end;
} *held;
static size_t channels;

static text copy(const uint8_t *from, size_t length) {
  text made = {malloc(length ? length : 1), length};
  if (!made.ptr) abort();
  if (length) memcpy(made.ptr, from, length);
  return made;
}

static bool begins(const text *in, size_t at, const text *word) {
  return in->len - at >= word->len && memcmp(in->ptr + at, word->ptr, word->len) == 0;
}

// Makes the text that has `to` in the place of each `from`, and returns the number of those.
static size_t replace(const text *in, const text *from, const text *to, text *out) {
  size_t found = 0;
  for (size_t at = 0; at < in->len; at += begins(in, at, from) ? from->len : 1)
    found += begins(in, at, from);
  *out = copy(in->ptr, 0);
  out->ptr = realloc(out->ptr, in->len + found * to->len + 1);
  if (!out->ptr) abort();
  for (size_t at = 0; at < in->len;) {
    bool here = begins(in, at, from);
    memcpy(out->ptr + out->len, here ? to->ptr : in->ptr + at, here ? to->len : 1);
    out->len += here ? to->len : 1;
    at += here ? from->len : 1;
  }
  return found;
}

// Reads a text of the configuration's outermost object. A text with escapes counts as missing: they
// would need a JSON parser, and these words have none.
static bool read_text(const text *config, const char *key, text *to) {
  size_t length = strlen(key);
  for (size_t at = 0; at + length < config->len; at++) {
    if (memcmp(config->ptr + at, key, length) != 0) continue;
    size_t start = at += length, end;
    for (end = start; end < config->len && config->ptr[end] != '"'; end++)
      if (config->ptr[end] == '\\') return false;
    *to = copy(config->ptr + start, end - start);
    return end > start && end < config->len;
  }
  return false;
}

static void list(guest_list_string_t *to, size_t count, const char *const *words) {
  to->ptr = malloc(count * sizeof *to->ptr);
  to->len = count;
  if (!to->ptr) abort();
  for (size_t i = 0; i < count; i++) guest_string_dup(&to->ptr[i], words[i]);
}

void exports_outrigger_policy_policy_describe(exports_outrigger_policy_policy_manifest_t *ret) {
  guest_string_dup(&ret->name, "hide-word");
  guest_string_dup(&ret->version, "0.1.0");
  list(&ret->hooks, 2, (const char *const[]){"request", "reply"});
  list((guest_list_string_t *)&ret->reads, 3, (const char *const[]){"system", "user", "assistant"});
  list((guest_list_string_t *)&ret->rewrites, 1, (const char *const[]){"assistant"});
  guest_string_dup(&ret->config_schema, "");
}

// At load, before any exchange: the memory that it leaves is what every instance starts with.
bool exports_outrigger_policy_policy_configure(text *config, text *err) {
  if (read_text(config, "\"hide\":\"", &hide) && read_text(config, "\"show\":\"", &show)) return true;
  guest_string_dup(err, "give `hide` and `show`, without quotation marks or backslashes in them");
  return false;
}

void exports_outrigger_policy_policy_on_request(
    exports_outrigger_policy_policy_borrow_request_t request,
    exports_outrigger_policy_policy_decision_t *ret) {
  const uint32_t most = 64;
  for (uint32_t start = 0;; start += most) {
    outrigger_policy_exchange_list_passage_t page;
    outrigger_policy_exchange_method_request_passages(request, start, most, &page);
    for (size_t i = 0; i < page.len; i++) {
      text edited;
      if (replace(&page.ptr[i].text, &hide, &show, &edited))
        outrigger_policy_exchange_method_request_set_passage(request, page.ptr[i].id, &edited);
      free(edited.ptr);
    }
    size_t count = page.len;
    outrigger_policy_exchange_list_passage_free(&page);
    if (count < most) break;
  }
  // What is lent has to be given back before the hook returns.
  outrigger_policy_exchange_request_drop_borrow(request);
  ret->tag = OUTRIGGER_POLICY_TYPES_DECISION_FORWARD;
}

// Returns the length of the longest end of a text that is a beginning of `show`, and not all of it.
static size_t beginning(const text *in) {
  size_t length = show.len - 1 < in->len ? show.len - 1 : in->len;
  while (memcmp(in->ptr + in->len - length, show.ptr, length) != 0) length--;
  return length;
}

static text *end_of(uint32_t channel) {
  for (size_t i = 0; i < channels; i++)
    if (held[i].channel == channel) return &held[i].end;
  held = realloc(held, (channels + 1) * sizeof *held);
  if (!held) abort();
  held[channels] = (struct held){channel, copy(NULL, 0)};
  return &held[channels++].end;
}

bool exports_outrigger_policy_policy_on_reply(
    exports_outrigger_policy_policy_borrow_reply_head_t head,
    exports_outrigger_policy_policy_list_delta_t *deltas, guest_list_option_string_t *ret,
    exports_outrigger_policy_policy_refusal_t *err) {
  (void)err; // it refuses no reply
  ret->len = deltas->len;
  ret->ptr = malloc(deltas->len * sizeof *ret->ptr + 1);
  if (!ret->ptr) abort();
  for (size_t i = 0; i < deltas->len; i++) {
    text *end = end_of(deltas->ptr[i].channel), *more = &deltas->ptr[i].text;
    text all = copy(end->ptr, end->len);
    all.ptr = realloc(all.ptr, end->len + more->len + 1);
    if (!all.ptr) abort();
    memcpy(all.ptr + end->len, more->ptr, more->len);
    all.len += more->len;

    size_t keeps = deltas->ptr[i].last ? 0 : beginning(&all);
    all.len -= keeps;
    free(end->ptr);
    *end = copy(all.ptr + all.len, keeps);
    ret->ptr[i].is_some = true;
    replace(&all, &show, &hide, &ret->ptr[i].val);
    free(all.ptr);
  }
  exports_outrigger_policy_policy_list_delta_free(deltas);
  outrigger_policy_exchange_reply_head_drop_borrow(head);
  return true;
}

// Hooks that `describe` does not name are exported all the same, and never called.
void exports_outrigger_policy_policy_on_attempt(exports_outrigger_policy_policy_attempt_reply_t *reply,
                                                exports_outrigger_policy_policy_list_delta_t *deltas,
                                                exports_outrigger_policy_policy_verdict_t *ret) {
  exports_outrigger_policy_policy_attempt_reply_free(reply);
  exports_outrigger_policy_policy_list_delta_free(deltas);
  ret->tag = OUTRIGGER_POLICY_TYPES_VERDICT_ACCEPT;
}

void exports_outrigger_policy_policy_on_failure(exports_outrigger_policy_policy_failure_t *failure,
                                                exports_outrigger_policy_policy_decision_t *ret) {
  exports_outrigger_policy_policy_failure_free(failure);
  ret->tag = OUTRIGGER_POLICY_TYPES_DECISION_FORWARD;
}

void exports_outrigger_policy_policy_on_end(exports_outrigger_policy_policy_outcome_t *outcome) {
  exports_outrigger_policy_policy_outcome_free(outcome);
}
