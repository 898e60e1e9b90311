//! The description of `openai.moderations` requests: an input or many, or the parts of one.

use crate::{
    describe::shape::{Rule, shape},
    openai_completions::request::INPUT,
};

shape! { REQUEST, Other, []; "input" => Rule::Same(&INPUT), "model" => Rule::Model }
