//! `openai.responses`, read and written for translation.

use super::format::Format;

mod path;
mod reply_read;
mod reply_write;
mod request_read;
mod request_write;
#[cfg(test)]
mod tests;

/// Between the parts of a summary of reasoning.
const SEPARATOR: &str = "\n\n";

/// Items of hosted and custom tools.
const HOSTED_ITEMS: [&str; 24] = [
    "additional_tools",
    "apply_patch_call",
    "apply_patch_call_output",
    "code_interpreter_call",
    "computer_call",
    "computer_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "file_search_call",
    "image_generation_call",
    "local_shell_call",
    "local_shell_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "mcp_list_tools",
    "program",
    "program_output",
    "shell_call",
    "shell_call_output",
    "tool_search_call",
    "tool_search_output",
    "web_search_call",
    "web_search_call_output",
];

/// Its row in the table of wire formats.
pub(super) static FORMAT: Format = Format {
    read_request: Some(request_read::read),
    write_request: request_write::write,
    reader: |context| Box::new(reply_read::Reader::new(context)),
    writer: Some(|context| Box::new(reply_write::Writer::new(context))),
};
