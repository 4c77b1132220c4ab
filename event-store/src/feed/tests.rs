use std::time::Duration;

use anyhow::anyhow;

use super::{LONGEST_PAUSE, POLL, Trouble};

#[test]
fn the_same_trouble_is_met_more_and_more_seldom() {
    let mut trouble = Trouble::default();
    let pauses: Vec<Duration> = (0..7).map(|_| trouble.met(&anyhow!("a hole"))).collect();
    assert_eq!(pauses[..3], [POLL, POLL * 2, POLL * 4]);
    assert_eq!(pauses[5..], [LONGEST_PAUSE, LONGEST_PAUSE]);
}

#[test]
fn another_trouble_and_one_that_comes_back_are_met_afresh() {
    let mut trouble = Trouble::default();
    trouble.met(&anyhow!("a hole"));
    trouble.met(&anyhow!("a hole"));
    assert_eq!(trouble.met(&anyhow!("no connection")), POLL);
    trouble.met(&anyhow!("no connection"));
    trouble.over();
    assert_eq!(trouble.met(&anyhow!("no connection")), POLL);
}
