use std::collections::HashSet;
use std::sync::Arc;

use service::{Profile, Service};
use tokio::task::JoinSet;
use write_api::SimulatedGateway;

use crate::bench::{Bench, Reply};

fn count(replies: &[Reply], status: u16) -> usize {
    replies
        .iter()
        .filter(|reply| reply.status == status)
        .count()
}

async fn order_one(bench: Arc<Bench>, product: String) -> Reply {
    let body = r#"{"quantity":1,"shipping_address":"123 Main St"}"#;
    bench
        .post(Service::Order, &format!("/order/{product}"))
        .bearer(&bench.someone())
        .json(body)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_after_a_hundred_units_make_a_hundred_orders() {
    let bench = Arc::new(Bench::new().await);
    let product = bench.product("9.99", 100).await;
    let mut clients = JoinSet::new();
    for _ in 0..200 {
        clients.spawn(order_one(Arc::clone(&bench), product.clone()));
    }
    let replies = clients.join_all().await;
    assert_eq!((count(&replies, 201), count(&replies, 409)), (100, 100));
    let orders: HashSet<_> = replies
        .iter()
        .filter(|reply| reply.status == 201)
        .map(|r| r.word("order_id"))
        .collect();
    assert_eq!(orders.len(), 100);
    assert_eq!(bench.levels(&product).await, (100, 100, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_do_two_processes_sell_more_than_there_is() {
    let one = Arc::new(Bench::new().await);
    let gateway = Arc::new(SimulatedGateway::new(1.0, 0));
    let two = Arc::new(Bench::on(Arc::clone(&one.database), Profile::Dev, gateway).await);
    let product = one.product("9.99", 20).await;
    let mut clients = JoinSet::new();
    for client in 0..40 {
        let bench = if client % 2 == 0 { &one } else { &two };
        clients.spawn(order_one(Arc::clone(bench), product.clone()));
    }
    let replies = clients.join_all().await;
    let given_up = count(&replies, 503); // lost too many races against the other process
    assert_eq!(count(&replies, 201) + count(&replies, 409) + given_up, 40);
    assert!(count(&replies, 201) <= 20);
    assert_eq!(
        one.levels(&product).await.1,
        i64::try_from(count(&replies, 201)).expect("few")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_payments_of_one_order_pay_it_once() {
    let bench = Arc::new(Bench::new().await);
    let product = bench.product("9.99", 10).await;
    let token = bench.someone();
    let order = bench.order(&token, &product, 3).await;
    let mut clients = JoinSet::new();
    for _ in 0..30 {
        let (bench, token, order) = (Arc::clone(&bench), token.clone(), order.clone());
        clients.spawn(async move { bench.pay(&token, &order, "4000000000000077").await });
    }
    let replies = clients.join_all().await;
    assert_eq!(count(&replies, 200), 30);
    assert_eq!(
        replies
            .iter()
            .map(|reply| reply.text.clone())
            .collect::<HashSet<_>>()
            .len(),
        1
    );
    let events = bench.events().await;
    for once in [
        "payment attempted",
        "payment succeeded",
        "order completed",
        "stock committed",
    ] {
        assert_eq!(
            events.iter().filter(|event| *event == once).count(),
            1,
            "{once}"
        );
    }
    assert_eq!(bench.levels(&product).await, (7, 0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_registrations_of_one_name_open_one_account() {
    let bench = Arc::new(Bench::new().await);
    let mut clients = JoinSet::new();
    for client in 0..40_u8 {
        let bench = Arc::clone(&bench);
        let name = if client % 2 == 0 {
            "John_Doe"
        } else {
            "john_doe"
        };
        let body = format!(
            r#"{{"username":"{name}","email":"john{client}@example.com","password":"securepassword123"}}"#
        );
        clients.spawn(async move {
            bench
                .post(Service::User, "/user/register")
                .from([10, 0, 0, client])
                .json(&body)
                .await
        });
    }
    let replies = clients.join_all().await;
    assert_eq!((count(&replies, 201), count(&replies, 409)), (1, 39));
    assert_eq!(
        bench.events().await,
        ["claim claimed", "claim claimed", "account registered"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_logins_at_once_each_get_a_token_of_their_own() {
    let bench = Arc::new(Bench::new().await);
    let mut registrations = JoinSet::new();
    for user in 0..60 {
        let bench = Arc::clone(&bench);
        registrations.spawn(async move {
            let registered = bench
                .register(&format!("user_{user}"), &format!("securepassword{user}"))
                .await;
            (user, registered.expecting(201).word("user_id"))
        });
    }
    let mut logins = JoinSet::new();
    for (user, id) in registrations.join_all().await {
        let bench = Arc::clone(&bench);
        logins.spawn(async move {
            let login = bench
                .login(&format!("user_{user}"), &format!("securepassword{user}"))
                .await
                .expecting(200);
            let token = login.word("access_token");
            let caller = bench
                .shop
                .common
                .tokens()
                .verify(&token, bench.shop.clock.now())
                .expect("a good token");
            assert_eq!(
                (caller.user_id.to_string(), caller.username),
                (id, format!("user_{user}"))
            );
            token
        });
    }
    let tokens: HashSet<_> = logins.join_all().await.into_iter().collect();
    assert_eq!(tokens.len(), 60);
}
