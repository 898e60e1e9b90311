//! Tests of `openai.chat` in translation.
