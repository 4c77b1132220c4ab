//! The one list of upcasters: how events of an older shape become today's.

mod success;

use std::sync::LazyLock;

use cqrs_es::persist::EventUpcaster;

pub(crate) use success::Attempts;

static UPCASTERS: LazyLock<[Box<dyn EventUpcaster>; 1]> =
    LazyLock::new(|| [Box::new(success::SuccessAlone)]);

/// In the order in which they are applied. An event's shape changes by raising its `version()` in the domain and adding
/// the way from the old one here; stored events are never rewritten.
///
/// Event names are unique within an aggregate, not across them: an upcaster's test for "is it mine" reads the event type
/// and version, so name the type fully when you add one.
pub(crate) fn upcasters() -> &'static [Box<dyn EventUpcaster>] {
    UPCASTERS.as_slice()
}
