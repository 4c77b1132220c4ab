//! What stands in the files is believed only as far as it is signed and whole.

use std::os::unix::fs::PermissionsExt as _;

use event_store::seal::{Checkpoint, Finding, PublicKey, SigningKey};

use crate::shop::{HASH, Shop};

fn line(finding: &Finding) -> (usize, Option<i64>) {
    match finding {
        Finding::BadSignature(line)
        | Finding::AnotherKey(line)
        | Finding::AnotherLog(line, _)
        | Finding::NotACheckpoint(line)
        | Finding::BrokenChain(line) => (line.number, line.position),
        other => panic!("{other} is about no line"),
    }
}

#[tokio::test]
async fn checkpoints_of_another_key_prove_nothing() {
    let shop = Shop::sealed().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let other = SigningKey::read_or_make(elsewhere.path()).unwrap().public();
    let report = shop.verify_by(&other).await;
    assert_eq!((report.sealed, report.checkpoints), (0, 3));
    let lines: Vec<_> = report.findings.iter().map(line).collect();
    assert_eq!(lines, [(1, Some(100)), (2, Some(200)), (3, Some(300))]);
    let foreign = |finding: &Finding| matches!(finding, Finding::AnotherKey(_));
    assert!(report.findings.iter().all(foreign));
}

#[tokio::test]
async fn a_changed_line_is_found_by_its_signature_and_the_one_after_it_by_the_chain() {
    let shop = Shop::sealed().await;
    shop.rewrite(|lines| lines[1] = lines[1].replace("\"size\":200", "\"size\":199"));
    let findings = shop.findings().await;
    assert!(
        matches!(&findings[0], Finding::BadSignature(_)),
        "{findings:?}"
    );
    assert!(
        matches!(&findings[1], Finding::BrokenChain(_)),
        "{findings:?}"
    );
    assert_eq!(line(&findings[0]), (2, Some(199)));
    assert_eq!(line(&findings[1]), (3, Some(300)));
    assert_eq!(findings.len(), 2);
}

/// What is done to the lines, and the numbers of those that are found.
type Spoilt = (fn(&mut Vec<String>), &'static [usize]);

#[tokio::test]
async fn lines_that_were_taken_out_swapped_or_spoilt_are_found() {
    let shop = Shop::sealed().await;
    let whole = shop.written();
    let changes: [Spoilt; 4] = [
        (|lines| drop(lines.remove(0)), &[1]),
        (|lines| drop(lines.remove(1)), &[2]),
        (|lines| lines.swap(1, 2), &[2, 3]),
        (|lines| lines[0].clear(), &[1, 2]),
    ];
    for (change, expected) in changes {
        shop.rewrite(change);
        let findings = shop.findings().await;
        let numbers: Vec<_> = findings.iter().map(|finding| line(finding).0).collect();
        assert_eq!(numbers, expected, "{findings:?}");
        let audit = shop.folder().join("audit");
        for (name, text) in &whole {
            std::fs::write(audit.join(name), text).unwrap();
        }
        assert_eq!(shop.findings().await, []);
    }
}

#[tokio::test]
async fn a_log_without_checkpoints_or_with_those_of_another_log_is_not_proven() {
    let shop = Shop::sealed().await;
    let other = Shop::open().await;
    // Databases of tests are copies of one.
    other
        .tamper("update log_identity set id = gen_random_uuid()")
        .await;
    assert_eq!(other.findings().await, [Finding::NoCheckpoints]);
    shop.rewrite(|lines| {
        let audit = other.folder().join("audit");
        std::fs::create_dir(&audit).unwrap();
        std::fs::write(
            audit.join("checkpoints-2026-01-01.jsonl"),
            format!("{}\n", lines[0]),
        )
        .unwrap();
    });
    let report = other.verify_by(&shop.key()).await;
    assert!(
        matches!(&report.findings[..], [Finding::AnotherLog(..)]),
        "{report:?}"
    );
}

#[tokio::test]
async fn files_are_for_their_owner_and_hold_no_secret() {
    let shop = Shop::sealed().await;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let audit = shop.folder().join("audit");
    assert_eq!(mode(&audit), 0o700);
    assert_eq!(mode(&shop.folder().join("signing.key")), 0o600);
    let written = shop.written();
    for (name, text) in &written {
        assert_eq!(mode(&audit.join(name)), 0o600, "{name}");
        let secret = std::fs::read_to_string(shop.folder().join("signing.key")).unwrap();
        for canary in [HASH, "argon2", "anne", "password", secret.trim()] {
            assert!(!text.contains(canary), "{canary} in {name}");
        }
    }
    let lines: Vec<Checkpoint> = written
        .iter()
        .flat_map(|(_, text)| text.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sizes: Vec<_> = lines.iter().map(|checkpoint| checkpoint.size).collect();
    assert_eq!(sizes, [100, 200, 300]);
    assert!(lines.iter().all(|checkpoint| checkpoint.key == shop.key()));
}

#[test]
fn the_key_is_made_once_and_its_public_half_lies_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let made = SigningKey::read_or_make(&data).unwrap().public();
    assert_eq!(SigningKey::read_or_make(&data).unwrap().public(), made);
    let told = std::fs::read_to_string(data.join("signing.pub")).unwrap();
    assert_eq!(told.parse::<PublicKey>().unwrap(), made);
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 2);
    std::fs::write(data.join("signing.key"), "no key\n").unwrap();
    let error = SigningKey::read_or_make(&data).unwrap_err();
    assert!(
        error.to_string().ends_with("is not 32 bytes in base64"),
        "{error}"
    );
}
