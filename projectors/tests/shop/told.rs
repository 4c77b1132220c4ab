//! What was logged.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// Counts errors that are logged, by projection.
#[derive(Clone, Default)]
pub struct Told {
    projections: Arc<Mutex<Vec<String>>>,
    others: Arc<AtomicUsize>,
}

impl Told {
    pub fn errors_of(&self, projection: &str) -> usize {
        assert_eq!(self.others.load(SeqCst), 0, "errors of nobody");
        let told = self.projections.lock().expect("nobody panics");
        told.iter().filter(|name| *name == projection).count()
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Told {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        struct Name(Option<String>);
        impl tracing::field::Visit for Name {
            fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
            fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
                if field.name() == "projection" {
                    self.0 = Some(value.to_owned());
                }
            }
        }
        if *event.metadata().level() > tracing::Level::ERROR {
            return;
        }
        let mut name = Name(None);
        event.record(&mut name);
        match name.0 {
            Some(name) => self.projections.lock().expect("nobody panics").push(name),
            None => _ = self.others.fetch_add(1, SeqCst),
        }
    }
}
