//! Which trace an event belongs to, as W3C Trace Context writes it: `00-<trace id>-<span id>-<flags>`.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::context::Metadata;

/// A `traceparent` header as it came, where it is one: version 00, lower-case hexadecimal digits, ids that are not zero.
#[must_use]
pub fn traceparent(header: &str) -> Option<String> {
    parts(header).map(|_| header.to_owned())
}

/// The `traceparent` of a published event: in the caller's trace where one was sent, else in the one that is made of the
/// correlation id. A span of its own, always the same, so that an event that is published again has the same bytes.
pub(crate) fn of_event(metadata: &Metadata, event_id: Uuid) -> String {
    let mut text = String::with_capacity(55);
    text.push_str("00-");
    let sent = metadata.traceparent.as_deref().and_then(parts);
    match sent {
        Some((trace, _)) => text.push_str(trace),
        None => push_hex(&mut text, &trace_of(&metadata.correlation_id)),
    }
    text.push('-');
    push_hex(&mut text, &not_zero::<8>(start_of(event_id.as_bytes())));
    text.push('-');
    text.push_str(sent.map_or("01", |(_, flags)| flags));
    text
}

/// The trace id and the flags.
fn parts(header: &str) -> Option<(&str, &str)> {
    let mut parts = header.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let known = version == "00" && parts.next().is_none();
    (known && is_id(trace, 32) && is_id(span, 16) && is_hex(flags, 2)).then_some((trace, flags))
}

fn is_id(text: &str, length: usize) -> bool {
    is_hex(text, length) && text.bytes().any(|digit| digit != b'0')
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A request's own id where that is a UUID, as those that we make are.
fn trace_of(correlation_id: &str) -> [u8; 16] {
    match Uuid::try_parse(correlation_id) {
        Ok(id) if !id.is_nil() => id.into_bytes(),
        _ => not_zero(start_of(correlation_id.as_bytes())),
    }
}

fn start_of<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let digest = Sha256::digest(bytes);
    std::array::from_fn(|at| digest[at])
}

/// Ids of zeros mean "none".
fn not_zero<const N: usize>(mut id: [u8; N]) -> [u8; N] {
    if id == [0; N] {
        id[N - 1] = 1;
    }
    id
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 0xf)].into());
    }
}

#[cfg(test)]
mod tests;
