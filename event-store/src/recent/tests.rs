use std::sync::Arc;

use chrono::DateTime;
use proto::Message;
use proto::product::v1::ProductEvent;
use uuid::Uuid;

use super::{KEPT, Recent};
use crate::log::{Page, Published};

/// Every position from `first` to `last` but the odd ones is published.
fn page(first: i64, last: i64) -> Page {
    let event = |position| {
        Arc::new(Published {
            position,
            event_id: Uuid::nil(),
            aggregate_id: Uuid::nil(),
            sequence: 1,
            recorded_at: DateTime::UNIX_EPOCH,
            actor: String::new(),
            correlation_id: String::new(),
            traceparent: String::new(),
            message: Message::Product(ProductEvent { event: None }),
        })
    };
    Page {
        events: (first..=last).filter(|p| p % 2 == 0).map(event).collect(),
        through: last,
    }
}

fn positions(recent: &Recent, after: i64) -> Option<(Vec<i64>, i64)> {
    let page = recent.since(after)?;
    Some((
        page.events.iter().map(|e| e.position).collect(),
        page.through,
    ))
}

#[test]
fn pages_that_overlap_are_kept_once_and_pages_with_a_hole_between_not_at_all() {
    let mut recent = Recent::default();
    assert!(!recent.extend(0, page(1, 4)), "memory has not begun");
    recent.begin(10);
    assert_eq!(positions(&recent, 10), None, "no news");
    assert!(recent.extend(10, page(11, 14)));
    assert!(recent.extend(12, page(13, 18)));
    assert!(recent.extend(10, page(11, 12)), "all known already");
    assert!(!recent.extend(20, page(21, 22)), "19 and 20 are missing");
    assert_eq!(positions(&recent, 10), Some((vec![12, 14, 16, 18], 18)));
    assert_eq!(positions(&recent, 14), Some((vec![16, 18], 18)));
    assert_eq!(positions(&recent, 9), None, "before memory begins");
    recent.begin(0);
    assert_eq!(recent.through(), 18, "it begins once");
}

#[test]
fn what_is_long_past_is_forgotten() {
    let mut recent = Recent::default();
    recent.begin(0);
    recent.extend(0, page(1, KEPT));
    recent.extend(KEPT, page(KEPT + 1, KEPT + 4));
    assert_eq!(positions(&recent, 3), None);
    let (kept, through) = positions(&recent, 4).unwrap();
    assert_eq!(
        (kept.first(), kept.len(), through),
        (Some(&6), usize::try_from(KEPT / 2).unwrap(), KEPT + 4)
    );
}
