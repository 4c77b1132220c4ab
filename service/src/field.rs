//! From serde's words to a field's error: a JSON pointer, and a text that a caller understands and that never repeats
//! what was sent.

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
        let Some((given, expected)) = message.rsplit_once(", expected ") else {
            return "is not what it must be".to_owned();
        };
        let whole = given.strip_prefix("invalid value: integer `");
        if whole.is_some_and(|number| !number.starts_with('-')) {
            return "is too large a number".to_owned();
        }
        return must_be(expected);
    }
    if message.starts_with("UUID parsing failed") {
        return must_be("a formatted UUID string");
    }
    match message {
        "number too large to fit in target type" => "is too large a number".to_owned(),
        "number too small to fit in target type" => "is too small a number".to_owned(),
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            must_be("i64")
        }
        "provided string was not `true` or `false`" => must_be("bool"),
        "input is out of range"
        | "no possible date and time matching input"
        | "input is not enough for unique date and time"
        | "input contains invalid characters"
        | "premature end of input"
        | "trailing input" => must_be("an RFC 3339 formatted date and time string"),
        _ => message.to_owned(),
    }
}

/// What was expected, named by serde or by its type, in a caller's words.
pub(crate) fn must_be(expected: &str) -> String {
    let plain = match expected {
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number, 0 or more",
        "f32" | "f64" => "a number",
        "bool" | "a boolean" => "true or false",
        "a borrowed string" => "a string",
        "a sequence" => "a list",
        "a formatted UUID string" => "a UUID",
        "an RFC 3339 formatted date and time string" => {
            "an RFC 3339 time such as 2026-11-23T12:00:00Z"
        }
        "a map" => "an object",
        expected if expected.starts_with("struct ") => "an object",
        expected => expected,
    };
    format!("must be {plain}")
}
