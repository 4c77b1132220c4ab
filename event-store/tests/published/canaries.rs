//! Nothing that opens a door is published.

use domain::session::SecretDigest;
use event_store::Context;

use crate::life::{CARD, CVV, HASH, REHASHED, SECRETS, a_life, store};

#[tokio::test]
async fn no_password_hash_token_or_card_number_is_published() {
    let (store, _database) = store().await;
    a_life(&store, Context::system("canaries")).await;
    let stored = store.log().stored(0, 100).await.expect("the log reads");
    let stored: String = stored.iter().map(|e| e.payload.to_string()).collect();
    let digests = SECRETS.map(|digest| String::from(SecretDigest::from(digest)));
    // Hashes and digests are there to be found; a card's number nowhere, not even here.
    for canary in [HASH, REHASHED, &digests[0], &digests[1]] {
        assert!(stored.contains(canary), "{canary} is stored");
    }
    assert!(!stored.contains(CARD) && !stored.contains(&CARD[..12]));

    let page = store.log().read(0, 100).await.expect("the log reads");
    let names: Vec<_> = page.events.iter().map(|e| e.message.type_name()).collect();
    let expected = [
        "mart.user.v1.UserRegistered",
        "mart.payment.v1.PaymentAttempted",
        "mart.payment.v1.PaymentSucceeded",
    ];
    assert_eq!(names, expected.map(Some));
    let salts_and_hashes = [HASH, REHASHED]
        .into_iter()
        .flat_map(|h| h.split('$').skip(4));
    let texts = salts_and_hashes
        .chain(digests.iter().map(String::as_str))
        .chain(["argon2", CARD, &CARD[..12], CVV])
        .map(str::as_bytes);
    for canary in texts.chain(SECRETS.iter().map(<[u8; 32]>::as_slice)) {
        for event in &page.events {
            let value = event.message.encode();
            let found = value.windows(canary.len()).any(|part| part == canary);
            assert!(!found, "{canary:?} in {event:?}");
        }
    }
}
