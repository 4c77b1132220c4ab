//! What no answer shows.

use event_store::seal::SECRET_FIELDS;
use serde_json::Value;

/// Leaves the secret fields out of a payload, however deep they are.
pub(super) fn leave_out(payload: &mut Value) {
    match payload {
        Value::Object(fields) => {
            fields.retain(|name, _| !SECRET_FIELDS.contains(&name.as_str()));
            fields.values_mut().for_each(leave_out);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::leave_out;

    #[test]
    fn secrets_are_left_out_however_deep_and_nothing_else_is() {
        let mut payload = json!({
            "registered": {"username": "alice", "password_hash": "$argon2id$…"},
            "sessions": [{"secret_digest": "ab", "expires_at": 1}],
        });
        leave_out(&mut payload);
        let rest = json!({"registered": {"username": "alice"}, "sessions": [{"expires_at": 1}]});
        assert_eq!(payload, rest);
    }
}
