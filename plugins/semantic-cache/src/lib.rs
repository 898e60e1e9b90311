//! Answers a question that was asked before in other words with the reply to the earlier one.

pub mod lexical;
