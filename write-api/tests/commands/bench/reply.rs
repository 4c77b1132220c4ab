use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    #[track_caller]
    pub(crate) fn expecting(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// A refusal of this kind.
    #[track_caller]
    pub(crate) fn refusing(self, status: u16, slug: &str) -> Self {
        let reply = self.expecting(status);
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert_eq!(
            reply.word("type"),
            format!("/problems/{slug}"),
            "{}",
            reply.text
        );
        assert_eq!(reply.json()["status"], status);
        reply
    }

    /// A 422 that points at this field.
    #[track_caller]
    pub(crate) fn pointing_at(self, pointer: &str) -> Self {
        let reply = self.refusing(422, "invalid");
        assert_eq!(
            reply.json()["errors"][0]["pointer"],
            pointer,
            "{}",
            reply.text
        );
        reply
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    #[track_caller]
    pub(crate) fn word(&self, field: &str) -> String {
        self.json()[field].as_str().expect("a string").to_owned()
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .expect("the header is there")
            .to_str()
            .expect("ASCII")
    }

    /// The names of the body's fields, in the order of the contract.
    #[track_caller]
    pub(crate) fn fields(&self) -> Vec<String> {
        let mut fields: Vec<_> = self
            .json()
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        fields.sort_by_key(|field| self.text.find(&format!("\"{field}\":")));
        fields
    }
}
