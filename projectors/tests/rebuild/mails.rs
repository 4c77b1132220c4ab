//! Mails are not sent again.

use crate::databases::number;
use crate::running::{Shop, named};

/// Deliveries as they are, row by row.
async fn deliveries(shop: &Shop) -> String {
    sqlx::query_scalar("select string_agg(d::text, e'\\n' order by d::text) from delivery d")
        .fetch_one(&shop.databases().notification)
        .await
        .expect("deliveries")
}

#[tokio::test]
async fn what_became_of_each_mail_outlives_a_rebuild() {
    let mut shop = Shop::with(400, 1).await;
    let pool = shop.databases().notification.clone();
    sqlx::query("update delivery set status = 'SENT', sent_at = now(), attempts = 1")
        .execute(&pool)
        .await
        .expect("all are sent");
    let before = deliveries(&shop).await;
    let notification = named("notification");
    for _ in 0..2 {
        shop.rebuild(notification).await.expect("it is rebuilt");
        assert_eq!(before, deliveries(&shop).await);
    }
    shop.go_back(notification).await.expect("it goes back");
    assert_eq!(before, deliveries(&shop).await);
    let queued = "select count(*) from delivery where status = 'QUEUED'";
    assert_eq!(number(&pool, queued).await, 0);

    shop.happens(200).await;
    shop.is_shown().await;
    let new = number(&pool, queued).await;
    let all =
        "select count(*) from mail join delivery using (notification_id) where status = 'QUEUED'";
    assert!(new > 0 && new == number(&pool, all).await);
}
