//! Reading what was written: by token, and without one right after.

use std::net::IpAddr;

use axum::http::header;
use projectors::mirror::Partitions;
use proto::Topic;
use service::{
    CONSISTENCY_TOKEN, ConsistencyToken,
    Service::{self, Inventory, Notification, Operator, Order, Payment, Product, User},
    Stream,
};
use sqlx::types::Json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    told::{order_placed, payment_attempted, product_created, registered, stock_opened},
    world::World,
};

struct Things {
    world: World,
    head: i64,
    alice: Uuid,
    paths: Vec<(Service, String)>,
}

/// One of each, written but not shown yet, and every question that is answered from a read model.
async fn written() -> Things {
    let world = World::apart().await;
    let [alice, product, stock, order, payment] = std::array::from_fn(|_| Uuid::now_v7());
    let head = world
        .logged([
            registered(alice, "alice"),
            product_created(product, "Laptop", "", 100),
            stock_opened(stock, product, 1),
            order_placed(order, alice, 1, 100),
            payment_attempted(payment, 1, alice, Uuid::nil(), 100),
        ])
        .await;
    let paths = vec![
        (Product, "/products".to_owned()),
        (Product, format!("/product/{product}")),
        (Inventory, "/inventory".to_owned()),
        (Inventory, format!("/inventory/{stock}")),
        (Order, "/orders".to_owned()),
        (Order, format!("/order/{order}")),
        (Order, "/user/me".to_owned()),
        (User, "/user/me".to_owned()),
        (Payment, "/payments".to_owned()),
        (Payment, format!("/payment/{payment}")),
        (Notification, "/notifications".to_owned()),
    ];
    Things {
        world,
        head,
        alice,
        paths,
    }
}

#[tokio::test]
async fn what_is_not_shown_in_two_seconds_is_a_503_that_says_when_to_come_back() {
    let Things {
        world,
        head,
        alice,
        paths,
    } = written().await;
    let token = world.customer(alice);
    let consistency = ConsistencyToken::at(head).to_string();
    let start = Instant::now();
    let (world, token, consistency) = (&world, &token, &consistency);
    let mut asked = Vec::new();
    for (service, path) in &paths {
        asked.push(async move {
            let ask = world
                .get(*service, path)
                .header(CONSISTENCY_TOKEN, consistency);
            let answer = ask.token(token).await;
            answer.problem(503, "unavailable");
            assert_eq!(answer.header(header::RETRY_AFTER), "1", "{path}");
        });
    }
    join(asked).await;
    let took = start.elapsed().as_secs_f64();
    assert!((1.9..4.0).contains(&took), "{took}");
}

#[tokio::test]
async fn whoever_brings_the_token_is_shown_the_write_as_soon_as_it_is_there() {
    let Things {
        world,
        head,
        alice,
        paths,
    } = written().await;
    let token = world.customer(alice);
    let consistency = ConsistencyToken::at(head).to_string();
    let (world, token, consistency) = (&world, &token, &consistency);
    let mut asked = Vec::new();
    for (service, path) in &paths {
        asked.push(async move {
            let ask = world
                .get(*service, path)
                .header(CONSISTENCY_TOKEN, consistency);
            let answer = ask.token(token).await;
            assert!(answer.text.len() > 2, "{path}: {}", answer.text);
            answer.ok();
        });
    }
    let ((), ()) = tokio::join!(world.shown(), join(asked));
}

#[tokio::test]
async fn whoever_wrote_a_moment_ago_needs_no_token() {
    let Things {
        world,
        head,
        alice,
        paths,
    } = written().await;
    let address: IpAddr = "203.0.113.7".parse().expect("an address");
    world
        .reader
        .common
        .recent_writes()
        .record(Some(alice), address, &ConsistencyToken::at(head));
    let token = world.customer(alice);
    let (world, token) = (&world, &token);
    let mut asked = Vec::new();
    for (service, path) in &paths {
        asked.push(async move {
            world.get(*service, path).token(token).await.ok();
        });
    }
    let ((), ()) = tokio::join!(world.shown(), join(asked));
}

#[tokio::test]
async fn where_the_mirror_is_followed_the_partitions_of_a_write_are_enough() {
    let Things {
        world,
        head,
        alice,
        paths,
    } = written().await;
    let token = world.customer(alice);
    let (_, path) = paths
        .iter()
        .find(|(_, path)| path.starts_with("/order/"))
        .expect("an order");
    let key: Uuid = path["/order/".len()..].parse().expect("its id");
    let of = |topic: u8, position| {
        let stream = Stream {
            topic,
            key,
            position,
        };
        ConsistencyToken::of(head, [stream]).to_string()
    };
    let orders = Topic::Order as u8;
    let mut applied = Partitions::empty([(Topic::Order, 3)]);
    let partition = applied
        .partition_of(Topic::Order, key)
        .expect("it is listed");
    applied.set(Topic::Order, partition, head - 1);
    sqlx::query(
        "insert into checkpoint (projection, version, position, partitions) values ('orders', 1, 0, $1)",
    )
    .bind(Json(applied))
    .execute(&world.reader.databases.order)
    .await
    .expect("the table is there");

    let ask = async |service, path: &str, consistency: String| {
        let ask = world
            .get(service, path)
            .header(CONSISTENCY_TOKEN, &consistency);
        ask.token(&token).await
    };
    ask(Order, "/orders", of(orders, head - 1)).await.ok();
    // Of other topics it shows nothing, and nothing is asked of it.
    ask(Payment, "/payments", of(orders, head - 1)).await.ok();
    for (service, path, consistency) in [
        (Order, "/orders", of(orders, head)),
        (Order, "/orders", of(200, head - 1)),
        (Order, "/orders", ConsistencyToken::at(head - 1).to_string()),
        (Notification, "/notifications", of(orders, head - 1)),
    ] {
        ask(service, path, consistency)
            .await
            .problem(503, "unavailable");
    }
}

#[tokio::test]
async fn nobody_else_waits() {
    let Things {
        world, head, alice, ..
    } = written().await;
    let address: IpAddr = "203.0.113.7".parse().expect("an address");
    world
        .reader
        .common
        .recent_writes()
        .record(Some(alice), address, &ConsistencyToken::at(head));
    let start = Instant::now();
    let bob = world.customer(Uuid::now_v7());
    assert_eq!(world.get(Order, "/orders").token(&bob).await.text, "[]");
    assert!(start.elapsed().as_secs_f64() < 1.0);
}

#[tokio::test]
async fn the_log_itself_is_never_behind_what_was_written() {
    let Things {
        world,
        head,
        alice,
        paths,
    } = written().await;
    let admin = world.admin();
    let order = paths
        .iter()
        .find(|(_, path)| path.starts_with("/order/"))
        .expect("an order");
    let known = ConsistencyToken::at(head).to_string();
    let made_up = ConsistencyToken::at(head + 1).to_string();
    for (service, path) in [
        (Operator, "/audit".to_owned()),
        (Order, format!("{}/history", order.1)),
        (User, "/user/me/history".to_owned()),
    ] {
        let token = if service == User {
            &world.customer(alice)
        } else {
            &admin
        };
        let ask = |consistency: &str| {
            world
                .get(service, &path)
                .header(CONSISTENCY_TOKEN, consistency)
                .token(token)
        };
        ask(&known).await.ok();
        let answer = ask(&made_up).await;
        answer.problem(503, "unavailable");
        assert_eq!(answer.header(header::RETRY_AFTER), "1");
    }
}

#[tokio::test]
async fn a_token_that_is_none_is_malformed() {
    let Things {
        world,
        alice,
        mut paths,
        ..
    } = written().await;
    paths.push((Operator, "/audit".to_owned()));
    paths.push((User, "/user/me/history".to_owned()));
    let id = Uuid::now_v7();
    for (service, thing) in [
        (Order, "order"),
        (Payment, "payment"),
        (Product, "product"),
        (Inventory, "inventory"),
    ] {
        paths.push((service, format!("/{thing}/{id}/history")));
    }
    let token = world.token(alice, "admin");
    for (service, path) in paths {
        let ask = world.get(service, &path).header(CONSISTENCY_TOKEN, "seven");
        ask.token(&token)
            .await
            .problem(400, "bad-consistency-token");
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_a_503() {
    let Things {
        world,
        alice,
        paths,
        ..
    } = written().await;
    let databases = &world.reader.databases;
    for pool in [
        &databases.product,
        &databases.inventory,
        &databases.order,
        &databases.user,
        &databases.payment,
        &databases.notification,
        world.reader.log.pool(),
    ] {
        pool.close().await;
    }
    let token = world.token(alice, "admin");
    let others = [
        (Operator, "/audit".to_owned()),
        (Operator, "/projections".to_owned()),
        (User, "/user/me/history".to_owned()),
        (Product, "/products?q=a".to_owned()),
    ];
    for (service, path) in paths.into_iter().chain(others) {
        let answer = world.get(service, &path).token(&token).await;
        answer.problem(503, "unavailable");
        assert_eq!(answer.header(header::RETRY_AFTER), "1", "{path}");
    }
}

/// All of them at once.
async fn join<F: Future<Output = ()>>(asked: Vec<F>) {
    let mut asked: Vec<_> = asked.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        asked.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if asked.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
