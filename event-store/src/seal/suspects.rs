//! Events whose leaf is not the kept one: since the last checkpoint, and those of which it is certain.

use super::finding::Finding;
use super::hash::Hash;
use super::leaf::Leaf;

/// Runs of changed events that are told.
const TOLD: usize = 1_000;
/// Changed events that are compared with each other, to see which were swapped.
const COMPARED: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct Suspects {
    /// Since the last checkpoint.
    open: Vec<Run>,
    certain: Vec<Run>,
    untold: u64,
}

/// Events in a row.
#[derive(Clone, Debug)]
struct Run {
    through: i64,
    /// The first two of them.
    first: Suspect,
    second: Option<Suspect>,
}

#[derive(Clone, Debug)]
struct Suspect {
    leaf: Leaf,
    kept: Hash,
}

impl Suspect {
    /// Whether this is the event that was sealed as that one.
    fn was(&self, other: &Self) -> bool {
        self.leaf.hash_at(other.leaf.position) == other.kept
    }
}

impl Run {
    fn from(&self) -> i64 {
        self.first.leaf.position
    }
}

impl Suspects {
    pub(crate) fn add(&mut self, leaf: &Leaf, kept: Hash) {
        let suspect = || Suspect {
            leaf: leaf.clone(),
            kept,
        };
        match self.open.last_mut() {
            Some(run) if run.through + 1 == leaf.position => {
                run.through += 1;
                run.second.get_or_insert_with(suspect);
            }
            _ => self.open.push(Run {
                through: leaf.position,
                first: suspect(),
                second: None,
            }),
        }
    }

    /// The kept leaves are those that were signed.
    pub(crate) fn confirm(&mut self) {
        for run in self.open.drain(..) {
            let told = self.certain.len();
            match self.certain.last_mut() {
                Some(last) if last.through + 1 == run.from() => {
                    last.through = run.through;
                    last.second.get_or_insert(run.first);
                }
                _ if told < TOLD => self.certain.push(run),
                _ => self.untold += 1,
            }
        }
    }

    /// The events are those that were signed; what the kept leaves would tell instead.
    pub(crate) fn clear(&mut self) -> Vec<Finding> {
        let told = self.open.drain(..).map(|run| Finding::Table {
            from: run.from(),
            through: run.through,
        });
        told.collect()
    }

    /// What happened to those of which it is certain.
    pub(crate) fn findings(mut self) -> Vec<Finding> {
        let mut findings = self.swapped();
        for run in &self.certain {
            run.tell(&mut findings);
        }
        findings.sort_by_key(Finding::position);
        if self.untold > 0 {
            findings.push(Finding::More {
                untold: self.untold,
            });
        }
        findings
    }

    /// Takes out single events that have changed places.
    fn swapped(&mut self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let (mut single, rest): (Vec<_>, Vec<_>) =
            self.certain.drain(..).partition(|run| run.second.is_none());
        self.certain = rest;
        while let Some(run) = single.pop() {
            let others = single.iter().rev().take(COMPARED);
            let mut others = single.len() - others.len()..single.len();
            let other = others.find(|other| {
                let other = &single[*other].first;
                run.first.was(other) && other.was(&run.first)
            });
            match other {
                Some(other) => findings.push(Finding::Swapped {
                    first: single.remove(other).from(),
                    second: run.from(),
                }),
                None => self.certain.push(run),
            }
        }
        findings
    }
}

impl Run {
    fn tell(&self, findings: &mut Vec<Finding>) {
        let (from, through) = (self.from(), self.through);
        let Some(second) = &self.second else {
            findings.push(Finding::Changed { from, through });
            return;
        };
        let (first_moved, second_moved) = (self.first.was(second), second.was(&self.first));
        match (first_moved, second_moved) {
            (true, true) => {
                let second = second.leaf.position;
                findings.push(Finding::Swapped {
                    first: from,
                    second,
                });
                if through > second {
                    let from = second + 1;
                    findings.push(Finding::Changed { from, through });
                }
            }
            (true, false) => findings.push(Finding::TakenOut {
                at: from,
                moved: through,
            }),
            (false, true) => findings.push(Finding::Inserted {
                at: from,
                moved: through,
            }),
            (false, false) => findings.push(Finding::Changed { from, through }),
        }
    }
}
