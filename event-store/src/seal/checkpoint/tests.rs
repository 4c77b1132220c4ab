use super::Checkpoint;
use crate::seal::hash::Hash;

/// Signed by another program: the text that is signed must be the same for ever.
const LINE: &str = r#"{"log":"0198c0de-0000-7000-8000-000000000001","size":7,"root":"N3JJD5FvlVKq9Eq7HABGA56qVY5hn52K1IrJya9eSbg=","at":"2026-01-02T03:04:05.123456789Z","previous":"OQRfOdO3Ue1BKgge+rlVHiMpgx3d8rdETOVYbeE9WIY=","key":"6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=","signature":"mnNTNlS83Dd7PCSAMLp3VAsLKWG/q4emkA+DZIf3m9X5e6CIvL4YsSZldPKWahXxVVu4DPjMLqr8fKD2ITQfAw=="}"#;

#[test]
fn a_checkpoint_that_was_signed_once_is_signed_for_ever() {
    let checkpoint: Checkpoint = serde_json::from_str(LINE).unwrap();
    assert!(checkpoint.is_signed());
    assert_eq!(checkpoint.line(), LINE);
    assert!(checkpoint.follows(Some("the line before")));
    assert!(!checkpoint.follows(Some("another line")) && !checkpoint.follows(None));
}

#[test]
fn nothing_that_it_says_can_be_changed() {
    let signed: Checkpoint = serde_json::from_str(LINE).unwrap();
    let changes: [fn(&mut Checkpoint); 6] = [
        |checkpoint| checkpoint.size += 1,
        |checkpoint| checkpoint.root = Hash::of(b"another tree"),
        |checkpoint| checkpoint.at += chrono::TimeDelta::nanoseconds(1),
        |checkpoint| checkpoint.previous = None,
        |checkpoint| checkpoint.log = uuid::Uuid::nil(),
        |checkpoint| {
            let line = LINE.replace(
                "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=",
                "E5j2LG0aRXxRumpLXz29L2n8qTIWIY3ImX5Ba9F9k8o=",
            );
            let other: Checkpoint = serde_json::from_str(&line).unwrap();
            checkpoint.key = other.key;
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut forged = signed.clone();
        change(&mut forged);
        assert_ne!(forged, signed);
        assert!(!forged.is_signed(), "change {number}");
    }
}

#[test]
fn time_never_falls_from_one_checkpoint_to_the_next() {
    let mut previous: Checkpoint = serde_json::from_str(LINE).unwrap();
    previous.at += chrono::TimeDelta::days(365 * 100);
    let folder = tempfile::tempdir().unwrap();
    let key = crate::seal::SigningKey::read_or_make(folder.path()).unwrap();
    let previous = (previous, LINE.to_owned());
    let next = Checkpoint::sign(
        &key,
        previous.0.log,
        (8, Hash::of(b"a tree")),
        Some(&previous),
    );
    assert_eq!(next.at, previous.0.at);
    assert!(next.is_signed() && next.follows(Some(LINE)));
}
