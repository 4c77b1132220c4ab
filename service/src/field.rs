//! From serde's words to a field's error: a JSON pointer, and a text that never repeats what was sent.

use serde_path_to_error::{Path, Segment};

use crate::problem::FieldError;

/// Says what is wrong and where. `message` is the text of serde's error.
pub(crate) fn error(path: &Path, message: &str) -> FieldError {
    let mut pointer = pointer(path);
    let message = without_position(message);
    for (start, detail) in [
        ("missing field `", "is required"),
        ("unknown field `", "is not a known field"),
        ("duplicate field `", "is given twice"),
    ] {
        if let Some(name) = quoted(message, start) {
            let step = step(name);
            if !pointer.ends_with(&step) {
                pointer.push_str(&step);
            }
            return FieldError::new(pointer, detail);
        }
    }
    FieldError::new(pointer, without_value(message))
}

/// The error of a query or path parameter, or of a whole body.
pub(crate) fn error_at(name: &str, message: &str) -> FieldError {
    let pointer = if name.is_empty() {
        String::new()
    } else {
        step(name)
    };
    FieldError::new(pointer, without_value(without_position(message)))
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&step(&index.to_string())),
            Segment::Map { key } => pointer.push_str(&step(key)),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn step(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The name between back quotes, which may hold anything: it ends at the last one before serde goes on.
fn quoted<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    let rest = message.strip_prefix(start)?;
    let end = rest
        .rfind("`, expected")
        .or_else(|| rest.rfind("`, there are no fields"))
        .or_else(|| rest.rfind('`'))?;
    Some(&rest[..end])
}

fn without_position(message: &str) -> &str {
    match message.rfind(" at line ") {
        Some(end) => &message[..end],
        None => message,
    }
}

/// serde repeats the value that it did not like; a card's number must not come back.
fn without_value(message: &str) -> String {
    let repeats = [
        "invalid type: ",
        "invalid value: ",
        "invalid length ",
        "unknown variant `",
    ];
    if repeats.iter().any(|start| message.starts_with(start)) {
        return match message.rfind(", expected ") {
            Some(comma) => format!("must be {}", &message[comma + ", expected ".len()..]),
            None => "is not what it must be".to_owned(),
        };
    }
    if message.starts_with("UUID parsing failed") {
        return "must be a UUID".to_owned();
    }
    if message.starts_with("invalid digit found") || message.starts_with("cannot parse integer") {
        return "must be a whole number".to_owned();
    }
    message.to_owned()
}
