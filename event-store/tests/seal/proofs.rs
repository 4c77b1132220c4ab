//! A proof can be checked by anybody, and made by nobody else.

use event_store::seal::{Forged, Proof, Proven, SigningKey, proof};
use serde_json::{Value, json};

use crate::shop::{ACCOUNT, EVENTS, HASH, Shop};

async fn proven(shop: &Shop, position: i64) -> Proof {
    match proof(shop.store.log(), position).await.unwrap() {
        Proven::Sealed(proof) => *proof,
        other => panic!("{position}: {other:?}"),
    }
}

#[tokio::test]
async fn every_event_has_a_proof_that_checks_without_the_database() {
    let shop = Shop::sealed().await;
    let key = shop.key();
    for position in (1..=EVENTS).filter(|at| at % 29 == 1 || (255..=258).contains(at)) {
        let proof = proven(&shop, position).await;
        let text = serde_json::to_string(&proof).unwrap();
        let read: Proof = serde_json::from_str(&text).unwrap();
        assert_eq!(read, proof);
        assert_eq!(read.check(Some(&key)), Ok(()), "{position}");
        assert_eq!(read.check(None), Ok(()));
    }
}

#[tokio::test]
async fn a_proof_stays_good_while_the_log_grows() {
    let shop = Shop::open().await;
    for through in [4, 5, 255, 256, 257, 600] {
        if through > 4 {
            shop.grow_to(through).await;
        }
        shop.seal().await;
        for position in [1, 4, through] {
            let proof = proven(&shop, position).await;
            assert_eq!(proof.checkpoint.size, through);
            assert_eq!(proof.check(Some(&shop.key())), Ok(()));
        }
    }
}

#[tokio::test]
async fn the_proof_of_an_event_with_a_secret_does_not_show_it() {
    let shop = Shop::sealed().await;
    let proof = proven(&shop, ACCOUNT).await;
    assert_eq!(proof.payload, None);
    let text = serde_json::to_string(&proof).unwrap();
    assert!(!text.contains(HASH) && !text.contains("argon2"), "{text}");
    assert_eq!(proof.check(Some(&shop.key())), Ok(()));
    let other = proven(&shop, 50).await;
    assert!(other.payload.unwrap().starts_with("{\"reserved\":"));
}

#[tokio::test]
async fn there_is_no_proof_of_what_is_not_there_or_not_sealed_yet() {
    let shop = Shop::sealed().await;
    shop.grow_to(EVENTS + 1).await;
    for (position, sealed) in [(EVENTS, true), (EVENTS + 1, false)] {
        let proven = proof(shop.store.log(), position).await.unwrap();
        assert_eq!(matches!(proven, Proven::Sealed(_)), sealed);
        assert_eq!(matches!(proven, Proven::NotSealedYet), !sealed);
    }
    for position in [i64::MIN, -1, 0, EVENTS + 2, i64::MAX] {
        let proven = proof(shop.store.log(), position).await.unwrap();
        assert!(matches!(proven, Proven::NoSuchEvent), "{position}");
    }
}

#[tokio::test]
async fn there_is_no_proof_of_an_event_that_was_changed() {
    let shop = Shop::sealed().await;
    shop.tamper("update events set payload = (payload::text || ' ')::json where position = 77")
        .await;
    let error = proof(shop.store.log(), 77).await.unwrap_err();
    assert!(format!("{error:#}").starts_with("the event at position 77 can't be proven"));
    proven(&shop, 78).await;
}

#[tokio::test]
async fn a_proof_changed_in_any_field_does_not_check() {
    let shop = Shop::sealed().await;
    let key = shop.key();
    let genuine = serde_json::to_value(proven(&shop, 150).await).unwrap();
    let other = serde_json::to_value(proven(&shop, 151).await).unwrap();
    let mut forgeries = Vec::new();
    for (field, value) in genuine.as_object().unwrap() {
        let mut forged = genuine.clone();
        forged[field] = match value {
            Value::Number(number) => json!(number.as_i64().unwrap() + 1),
            // Of the neighbour: as well-formed as can be.
            _ if other[field] != *value => other[field].clone(),
            Value::String(text) if field == "event_version" => json!(format!("{text}0")),
            Value::String(text) if field == "recorded_at" => json!(text.replace('Z', "1Z")),
            Value::String(text) => json!(format!("{text} ")),
            Value::Object(_) => continue,
            other => panic!("{field}: {other}"),
        };
        forgeries.push((field.clone(), forged));
    }
    for (field, value) in genuine["checkpoint"].as_object().unwrap() {
        let mut forged = genuine.clone();
        forged["checkpoint"][field] = match (field.as_str(), value) {
            ("log", _) => genuine["event_id"].clone(),
            ("size", _) => json!(299),
            ("at", _) => json!("2026-01-01T00:00:00Z"),
            ("root", _) => genuine["payload_sha256"].clone(),
            ("previous", _) => Value::Null,
            ("key", _) => {
                let folder = tempfile::tempdir().unwrap();
                json!(SigningKey::read_or_make(folder.path()).unwrap().public())
            }
            ("signature", value) => {
                let text = value.as_str().unwrap();
                let changed = if text.starts_with('A') { "B" } else { "A" };
                json!(format!("{changed}{}", &text[1..]))
            }
            (field, _) => panic!("{field} is new here"),
        };
        forgeries.push((format!("checkpoint.{field}"), forged));
    }
    let mut shortened = genuine.clone();
    shortened["path"].as_array_mut().unwrap().pop();
    forgeries.push(("path".to_owned(), shortened));
    let mut embellished = genuine.clone();
    embellished["amount"] = json!(1);
    forgeries.push(("amount".to_owned(), embellished));
    assert_eq!(forgeries.len(), 13 + 7 + 2);
    for (field, forged) in forgeries {
        assert_ne!(forged, genuine, "{field}");
        let checked = serde_json::from_value::<Proof>(forged.clone());
        let passes = checked.is_ok_and(|proof| proof.check(Some(&key)).is_ok());
        assert!(!passes, "{field}: {forged}");
    }
    let genuine: Proof = serde_json::from_value(genuine).unwrap();
    assert_eq!(genuine.check(Some(&key)), Ok(()));
}

#[tokio::test]
async fn a_proof_by_somebody_else_agrees_with_itself_alone() {
    let shop = Shop::sealed().await;
    let other = Shop::sealed().await;
    let forged = proven(&other, 150).await;
    assert_eq!(forged.check(None), Ok(()));
    assert_eq!(forged.check(Some(&shop.key())), Err(Forged::AnotherKey));
    // His tree under a checkpoint that the shop has signed.
    let mut forged = forged;
    forged.checkpoint = proven(&shop, 150).await.checkpoint;
    assert_eq!(forged.check(Some(&shop.key())), Err(Forged::Path));
}
