use axum::http::header;
use event_store::seal::{Forged, Proof, PublicKey, Sealer, SigningKey};
use service::Service::Operator;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    told::{HASH, order_placed, registered},
    world::World,
};

/// Seals all that is there, as a shop that stops does.
async fn sealed(world: &World) -> PublicKey {
    let folder = std::env::temp_dir().join(format!("proof-{}", Uuid::now_v7()));
    let key = SigningKey::read_or_make(&folder).expect("a key");
    let public = key.public();
    let stop = CancellationToken::new();
    stop.cancel();
    Sealer::new(&world.reader.log, folder.join("audit"), key)
        .run(stop)
        .await;
    std::fs::remove_dir_all(folder).expect("the folder goes");
    public
}

async fn proof(world: &World, position: i64) -> Proof {
    let path = format!("/audit/{position}/proof");
    let answer = world.get(Operator, &path).token(&world.admin()).await;
    serde_json::from_value(answer.ok()).expect("a proof")
}

#[tokio::test]
async fn a_proof_checks_without_the_database_and_a_forged_one_does_not() {
    let world = World::new().await;
    let alice = Uuid::now_v7();
    world
        .logged([
            registered(alice, "alice"),
            order_placed(Uuid::now_v7(), alice, 1, 100),
        ])
        .await;
    let key = sealed(&world).await;

    let order = proof(&world, 2).await;

    assert_eq!((order.position, order.event_type.as_str()), (2, "placed"));
    assert_eq!(order.check(Some(&key)), Ok(()));
    let another = sealed(&World::new().await).await;
    assert_eq!(order.check(Some(&another)), Err(Forged::AnotherKey));
    let mut forged = order;
    forged.aggregate_id = alice.to_string();
    assert_eq!(forged.check(Some(&key)), Err(Forged::Path));
}

#[tokio::test]
async fn the_proof_of_an_account_holds_no_hash() {
    let world = World::new().await;
    world.logged([registered(Uuid::now_v7(), "alice")]).await;
    let key = sealed(&world).await;

    let account = proof(&world, 1).await;

    assert_eq!(
        (account.check(Some(&key)), &account.payload),
        (Ok(()), &None)
    );
    let text = serde_json::to_string(&account).expect("JSON");
    assert!(!text.contains(HASH) && !text.contains("argon2"), "{text}");
}

#[tokio::test]
async fn what_is_not_sealed_yet_is_a_matter_of_waiting_and_what_is_not_there_is_not() {
    let world = World::new().await;
    let admin = world.admin();
    world.logged([registered(Uuid::now_v7(), "alice")]).await;
    let unsealed = world.get(Operator, "/audit/1/proof").token(&admin).await;
    unsealed.problem(503, "unavailable");
    assert_eq!(unsealed.header(header::RETRY_AFTER), "1");
    for position in ["0", "-1", "2", "9223372036854775807"] {
        let path = format!("/audit/{position}/proof");
        let answer = world.get(Operator, &path).token(&admin).await;
        answer.problem(404, "event-not-found");
    }
    let nonsense = world.get(Operator, "/audit/x/proof").token(&admin).await;
    nonsense.points_at("/position");
}

#[tokio::test]
async fn only_an_admin_may_have_a_proof() {
    let world = World::new().await;
    let path = "/audit/1/proof";
    world
        .get(Operator, path)
        .plain()
        .await
        .problem(401, "unauthorized");
    let token = world.customer(Uuid::now_v7());
    world
        .get(Operator, path)
        .token(&token)
        .await
        .problem(403, "forbidden");
}
