//! Tables are switched under those who follow Kafka.

use projectors::{projections, rebuild::rebuild};
use tokio_util::sync::CancellationToken;

use crate::databases::{contents, number, shelves};
use crate::mirror::Mirror;
use crate::projecting::Running;
use crate::recorded::{adjusted, recorded};
use crate::running::{LAMPS, follow_kafka, lamps, replayed, stock};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_follow_kafka_go_on_behind_a_rebuild() {
    let (recorded, shelves) = (recorded().await, shelves().await);
    let databases = &shelves.pools;
    let mut mirror = Mirror::new(&recorded, 3).await;
    recorded.append(&lamps(3)).await;
    mirror.publish().await;
    let running = Running::start(&recorded.log(), databases, Some(&mirror.kafka()));
    let (_, mut units) = follow_kafka(&recorded, &mut mirror, databases, 3).await;
    let never = CancellationToken::new();
    let mut head = 0;
    for _ in 0..3 {
        for projection in projections() {
            let more = [0, 1, 2].map(|n| adjusted(LAMPS, units + 2 + n, 1));
            (head, units) = (recorded.append(&more).await, units + 3);
            let publish = mirror.publish();
            let log = recorded.log();
            let anew = rebuild(&log, databases, projection, &|_| (), &never);
            let ((), rebuilt) = tokio::join!(publish, anew);
            let rebuilt = rebuilt.expect("it is rebuilt");
            assert!(rebuilt.position >= head);
        }
        running.has_reached(head).await;
        assert_eq!(stock(databases).await, units);
    }
    running.has_reached(head).await;
    running.stop().await;
    let parked = "select count(*) from parked";
    assert_eq!(number(&databases.inventory, parked).await, 0);
    assert_eq!(contents(databases).await, replayed(&recorded.log()).await);
}
