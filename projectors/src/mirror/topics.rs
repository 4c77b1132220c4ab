//! Every topic there is, and how they come to be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use proto::Topic;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use tokio::time::sleep;

use super::kafka::{Kafka, Quiet, aside, let_go};
use crate::projections;

/// How long the broker has for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a new topic may take until every broker knows it.
const SPREAD: Duration = Duration::from_secs(10);

/// A topic that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// As the broker knows it.
    pub name: String,
    /// How many it is made with.
    pub partitions: i32,
}

/// Every topic there is: the mirror's own, and where each projection puts the records that it can't apply.
#[must_use]
pub fn all(kafka: &Kafka) -> Vec<Wanted> {
    let mirror = Topic::ALL.map(|topic| Wanted {
        name: topic.name().to_owned(),
        partitions: kafka.partitions,
    });
    let letters = projections().into_iter().flat_map(|projection| {
        let topics = projection.topics().iter();
        topics.map(move |topic| Wanted {
            name: dead_letters(*topic, projection.name()),
            partitions: 1,
        })
    });
    mirror.into_iter().chain(letters).collect()
}

/// Where this group puts the records of a topic that it can't apply.
#[must_use]
pub fn dead_letters(topic: Topic, group: &str) -> String {
    format!("{}.{group}.dlq", topic.name())
}

/// Asks the brokers about topics, and creates them. Cheap to clone; dropping the last one waits for nobody.
#[derive(Clone)]
pub struct Topics {
    kafka: Kafka,
    client: Arc<Client>,
}

struct Client(Option<AdminClient<Quiet>>);

impl Drop for Client {
    fn drop(&mut self) {
        let_go(self.0.take());
    }
}

impl Client {
    fn admin(&self) -> &AdminClient<Quiet> {
        self.0.as_ref().expect("taken when dropped")
    }
}

impl Topics {
    /// Connects in the background.
    pub fn of(kafka: &Kafka) -> Result<Self> {
        let client = AdminClient::from_config_and_context(&kafka.admin(), Quiet)
            .with_context(|| format!("cannot use Kafka at {}", kafka.brokers))?;
        Ok(Self {
            kafka: kafka.clone(),
            client: Arc::new(Client(Some(client))),
        })
    }

    /// The topics that the brokers have, with their numbers of partitions.
    pub async fn present(&self) -> Result<BTreeMap<String, i32>> {
        let client = Arc::clone(&self.client);
        aside(move || {
            let metadata = client.admin().inner().fetch_metadata(None, ANSWER)?;
            let topics = metadata.topics().iter();
            let counted = topics.map(|topic| {
                let count = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
                (topic.name().to_owned(), count)
            });
            Ok::<_, KafkaError>(counted.filter(|(_, count)| *count > 0).collect())
        })
        .await?
        .context("cannot ask for the topics")
    }

    /// Creates what is missing; how many partitions each topic of the mirror has.
    pub async fn ensure(&self) -> Result<BTreeMap<Topic, i32>> {
        let wanted = all(&self.kafka);
        let present = self.present().await?;
        let missing: Vec<_> = wanted
            .into_iter()
            .filter(|topic| !present.contains_key(&topic.name))
            .collect();
        if missing.is_empty() {
            return counts(&present);
        }
        self.create(&missing).await?;
        let names = missing.iter().map(|topic| topic.name.as_str());
        let names: Vec<_> = names.collect();
        tracing::info!("created topics {}", names.join(", "));
        let spread = tokio::time::Instant::now() + SPREAD;
        loop {
            let present = self.present().await?;
            let absent = names.iter().find(|name| !present.contains_key(**name));
            let Some(absent) = absent else {
                return counts(&present);
            };
            ensure!(
                tokio::time::Instant::now() < spread,
                "topic {absent} was created, but the brokers do not know it"
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn create(&self, missing: &[Wanted]) -> Result<()> {
        let topics: Vec<_> = missing
            .iter()
            .map(|topic| {
                let replication = TopicReplication::Fixed(self.kafka.replication);
                NewTopic::new(&topic.name, topic.partitions, replication)
                    .set("cleanup.policy", "delete")
                    .set("retention.ms", "-1")
                    .set("retention.bytes", "-1")
            })
            .collect();
        let options = AdminOptions::new()
            .request_timeout(Some(ANSWER))
            .operation_timeout(Some(ANSWER));
        let results = self.client.admin().create_topics(&topics, &options);
        for result in results.await.context("cannot create topics")? {
            match result {
                // Another relay was faster.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, error)) => bail!("cannot create topic {name}: {error}"),
            }
        }
        Ok(())
    }

    /// The offset after the last record of a partition; 0 where nothing was ever written to it.
    pub async fn end(&self, topic: Topic, partition: i32) -> Result<i64> {
        let client = Arc::clone(&self.client);
        let ends = aside(move || {
            let client = client.admin().inner();
            client.fetch_watermarks(topic.name(), partition, ANSWER)
        });
        let (_, end) = ends
            .await?
            .with_context(|| format!("cannot ask for the end of {}/{partition}", topic.name()))?;
        Ok(end)
    }
}

/// How many partitions each topic of the mirror has.
fn counts(present: &BTreeMap<String, i32>) -> Result<BTreeMap<Topic, i32>> {
    let counted = Topic::ALL.into_iter().map(|topic| {
        let count = present.get(topic.name()).copied();
        let count = count.ok_or_else(|| anyhow!("there is no topic {}", topic.name()))?;
        Ok((topic, count))
    });
    counted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_listed_once() {
        let all = all(&Kafka::new("nowhere:9092"));
        let mut names: Vec<_> = all.iter().map(|topic| topic.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        for name in [
            "order",
            "payment_done",
            "inventory.product.dlq",
            "order_created.notification.dlq",
        ] {
            assert!(names.contains(&name), "{name} is missing in {names:?}");
        }
    }
}
