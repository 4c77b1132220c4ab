//! What runs in the background, by name, so that one that ends too early is noticed.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};

/// Tasks that run until they are told to stop; dropping this ends them.
#[derive(Debug, Default)]
pub(crate) struct Running {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Running {
    /// Runs one more.
    pub(crate) fn one(
        &mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Runs these too, under one name.
    pub(crate) fn all(&mut self, name: &'static str, mut tasks: JoinSet<()>) {
        self.one(name, async move {
            while let Some(ended) = tasks.join_next().await {
                if let Err(error) = ended
                    && error.is_panic()
                {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        });
    }

    /// Waits for the next one that ends; its name, and how.
    pub(crate) async fn next_end(&mut self) -> Option<(&'static str, Result<(), JoinError>)> {
        let ended = self.tasks.join_next_with_id().await?;
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        Some((
            self.names.remove(&id).unwrap_or_default(),
            ended.map(|_| ()),
        ))
    }

    /// Waits until all have ended.
    pub(crate) async fn end(&mut self) {
        while let Some((name, ended)) = self.next_end().await {
            if let Err(error) = ended {
                tracing::error!(task = name, %error, "{name} did not end well");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_ends_is_told_by_name_and_with_its_panic() {
        let mut running = Running::default();
        running.one("well", async {});
        assert!(matches!(running.next_end().await, Some(("well", Ok(())))));
        let mut several = JoinSet::new();
        several.spawn(std::future::pending());
        several.spawn(async { panic!("on purpose") });
        running.all("badly", several);
        let Some(("badly", Err(error))) = running.next_end().await else {
            panic!("a task of it panicked")
        };
        assert!(error.is_panic());
        assert!(running.next_end().await.is_none());
    }
}
