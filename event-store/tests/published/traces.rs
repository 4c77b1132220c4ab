//! Every published event belongs to a trace: the caller's, or its request's.

use std::collections::BTreeSet;

use event_store::{Context, Log};

use crate::life::{a_life, store};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const REQUEST: &str = "5f0c2a3e-1234-4000-8000-00000000002a";

async fn traces(log: &Log) -> Vec<String> {
    let page = log.read(0, 100).await.expect("the log reads");
    page.events.iter().map(|e| e.traceparent.clone()).collect()
}

#[tokio::test]
async fn events_are_spans_of_the_callers_trace_however_they_are_read() {
    let (store, _database) = store().await;
    let mut following = store.log().subscribe(0);
    let context = Context {
        traceparent: event_store::traceparent(TRACE),
        ..Context::system(REQUEST)
    };
    a_life(&store, context).await;
    let read = traces(store.log()).await;
    assert_eq!(read.len(), 3);
    for trace in &read {
        assert!(trace.starts_with(&TRACE[..36]), "{trace}");
        assert_ne!(trace, TRACE, "a span of its own");
    }
    assert_eq!(read.iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(traces(store.log()).await, read);
    let page = following.next().await.expect("it is followed");
    let followed: Vec<_> = page.events.iter().map(|e| e.traceparent.clone()).collect();
    assert_eq!(followed, read);
}

#[tokio::test]
async fn without_a_callers_trace_the_request_is_one() {
    let (store, _database) = store().await;
    a_life(&store, Context::system(REQUEST)).await;
    for trace in traces(store.log()).await {
        assert!(
            trace.starts_with("00-5f0c2a3e12344000800000000000002a-"),
            "{trace}"
        );
        assert!(trace.ends_with("-01"), "{trace}");
        assert_eq!(event_store::traceparent(&trace).as_ref(), Some(&trace));
    }
    let stored = store.log().stored(0, 1).await.expect("the log reads");
    assert_eq!(
        stored[0].metadata.get("traceparent"),
        None,
        "it is not stored"
    );
}
